/** The tree of a template, as `@huggingface/jinja` parses it: the types of the nodes that are computed here. */

/** What `{% generation %}` becomes for the parser: a call with a body, as in transformers. */
export const GENERATION = "generation_block__";

/** A name in a template. */
export interface Identifier {
  readonly type: "Identifier";
  readonly value: string;
}

/** An argument of a call, or a parameter with its default. */
export interface Keyword {
  readonly type: "KeywordArgumentExpression";
  readonly key: Identifier;
  readonly value: Expression;
}

/** A call, or a filter with arguments. */
export interface Call {
  readonly type: "CallExpression";
  readonly callee: Expression;
  readonly args: readonly Expression[];
}

/** `a.b`, `a["b"]` and `a[1:2]`. */
export interface Member {
  readonly type: "MemberExpression";
  readonly object: Expression;
  readonly property: Expression;
  readonly computed: boolean;
}

/** `start:stop:step` between square brackets. */
export interface Slice {
  readonly type: "SliceExpression";
  readonly start?: Expression;
  readonly stop?: Expression;
  readonly step?: Expression;
}

/** `a | f` and `a | f(b)`. */
export interface Filter {
  readonly type: "FilterExpression";
  readonly operand: Expression;
  readonly filter: Identifier | Call;
}

/** `a if b`, or in a loop `for x in a if b`. */
export interface Select {
  readonly type: "SelectExpression";
  readonly lhs: Expression;
  readonly test: Expression;
}

/** What has a value. */
export type Expression =
  | Identifier
  | Keyword
  | Call
  | Member
  | Slice
  | Filter
  | Select
  | { readonly type: "SpreadExpression" | "KeywordSpreadExpression"; readonly argument: Expression }
  | { readonly type: "IntegerLiteral" | "FloatLiteral"; readonly value: number }
  | { readonly type: "StringLiteral"; readonly value: string }
  | { readonly type: "ArrayLiteral" | "TupleLiteral"; readonly value: readonly Expression[] }
  | { readonly type: "ObjectLiteral"; readonly value: ReadonlyMap<Expression, Expression> }
  | {
    readonly type: "BinaryExpression";
    readonly operator: { readonly value: string };
    readonly left: Expression;
    readonly right: Expression;
  }
  | { readonly type: "UnaryExpression"; readonly operator: { readonly value: string }; readonly argument: Expression }
  | {
    readonly type: "TestExpression";
    readonly operand: Expression;
    readonly negate: boolean;
    readonly test: Identifier;
  }
  | {
    readonly type: "Ternary";
    readonly condition: Expression;
    readonly trueExpr: Expression;
    readonly falseExpr: Expression;
  };

/** A macro: a named piece of template with parameters. */
export interface Macro {
  readonly type: "Macro";
  readonly name: Identifier;
  readonly args: readonly (Identifier | Keyword)[];
  readonly body: Body;
}

/** A loop. */
export interface For {
  readonly type: "For";
  readonly loopvar: Expression;
  readonly iterable: Expression;
  readonly body: Body;
  readonly defaultBlock: Body;
}

/** An assignment of a value, or of the text of a block. */
export interface SetStatement {
  readonly type: "Set";
  readonly assignee: Expression;
  readonly value: Expression | null;
  readonly body: Body;
}

/** `{% call %}` with what is between it and its end; `{% generation %}` is one too. */
export interface CallStatement {
  readonly type: "CallStatement";
  readonly call: Call;
  readonly callerArgs: readonly (Identifier | Keyword)[] | null;
  readonly body: Body;
}

/** What a template consists of; an expression's value is written. */
export type Statement =
  | Expression
  | { readonly type: "If"; readonly test: Expression; readonly body: Body; readonly alternate: Body }
  | For
  | SetStatement
  | Macro
  | CallStatement
  | { readonly type: "FilterStatement"; readonly filter: Identifier | Call; readonly body: Body }
  | { readonly type: "Break" | "Continue" };

/** Statements one after another. */
export type Body = readonly Statement[];
