/** Looks through a template's tree for filters, tests and methods that are not computed here, before anything is. */
import { FILTERS } from "./filters.ts";
import { METHODS, REFUSED_METHODS } from "./methods.ts";
import { type Body, type Call, type Expression, type Filter, GENERATION, type Statement } from "./syntax.ts";
import { TESTS } from "./testers.ts";
import { unsupported } from "./template_error.ts";

/** Functions of Jinja that are not computed here. */
const REFUSED_FUNCTIONS = ["lipsum", "cycler", "joiner"];

/**
 * Checks a template for constructs that are not supported.
 *
 * @throws {TemplateError} with the first such construct's name
 */
export function checkNames(body: Body): void {
  for (const statement of body) checkStatement(statement, true);
}

function checkStatement(statement: Statement, top: boolean): void {
  const inner = (body: Body, isTop = top): void => body.forEach((each) => checkStatement(each, isTop));
  switch (statement.type) {
    case "If":
      check(statement.test);
      inner(statement.body);
      return inner(statement.alternate);
    case "For":
      check(statement.iterable);
      inner(statement.body);
      return inner(statement.defaultBlock);
    case "Set":
      if (statement.value === null && statement.assignee.type !== "Identifier") {
        throw unsupported("a filter on a set block");
      }
      check(statement.value ?? statement.assignee);
      return inner(statement.body, false);
    case "Macro":
      return inner(statement.body, false);
    case "CallStatement":
      if (isGeneration(statement.call)) {
        if (!top) throw unsupported("a generation block inside a macro or another block");
      } else check(statement.call);
      return inner(statement.body, false);
    case "FilterStatement":
      checkFilter(statement.filter);
      return inner(statement.body, false);
    case "Break":
    case "Continue":
      return;
    default:
      check(statement);
  }
}

function isGeneration({ callee }: Call): boolean {
  return callee.type === "Identifier" && callee.value === GENERATION;
}

function checkFilter(filter: Filter["filter"]): void {
  const callee = filter.type === "Identifier" ? filter : filter.callee;
  const name = callee.type === "Identifier" ? callee.value : callee.type;
  if (!Object.hasOwn(FILTERS, name)) throw unsupported(`the filter ${name}`);
  if (filter.type !== "Identifier") filter.args.forEach(check);
}

function check(expression: Expression): void {
  switch (expression.type) {
    case "FilterExpression":
      checkFilter(expression.filter);
      return check(expression.operand);
    case "TestExpression":
      if (!Object.hasOwn(TESTS, expression.test.value)) throw unsupported(`the test ${expression.test.value}`);
      return check(expression.operand);
    case "CallExpression":
      checkCallee(expression.callee);
      check(expression.callee);
      return expression.args.forEach(check);
    case "SpreadExpression":
    case "KeywordSpreadExpression":
      throw unsupported("unpacking arguments by * or **");
    case "ObjectLiteral":
      return expression.value.forEach((value, key) => (check(key), check(value)));
    case "ArrayLiteral":
    case "TupleLiteral":
      return expression.value.forEach(check);
    case "Identifier":
      if (["varargs", "kwargs", "self"].includes(expression.value)) throw unsupported(expression.value);
      return;
    case "MemberExpression":
      check(expression.object);
      return expression.computed ? check(expression.property) : undefined;
    case "IntegerLiteral":
      if (!Number.isSafeInteger(expression.value)) throw unsupported("an integer above 2^53");
      return;
    case "FloatLiteral":
    case "StringLiteral":
      return;
    case "KeywordArgumentExpression":
      return check(expression.value);
    default:
      return Object.values(expression).filter(isNode).forEach(check);
  }
}

/** A method that Python has for some value, and nothing here has. */
function checkCallee(callee: Expression): void {
  if (callee.type === "Identifier" && REFUSED_FUNCTIONS.includes(callee.value)) {
    throw unsupported(`the function ${callee.value}`);
  }
  if (callee.type !== "MemberExpression" || callee.property.type !== "Identifier" || callee.computed) return;
  const name = callee.property.value;
  if (REFUSED_METHODS.has(name) && !METHODS.has(name)) throw unsupported(`the method ${name}`);
}

function isNode(value: unknown): value is Expression {
  return typeof value === "object" && value !== null && "type" in value &&
    !("value" in value && "type" in value && value.type === "Token");
}
