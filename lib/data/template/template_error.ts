/** Why a template gave no text. */
export type TemplateReason =
  /** The template itself refuses: `raise_exception`. */
  | "raised"
  /** An error in Python too: an undefined attribute, a text plus a number. */
  | "error"
  /** A construct that is not computed here. */
  | "unsupported"
  /** Too many steps, or too much text. */
  | "limit";

/** A template that gave no text; the message is what `raise_exception` said, or a rule with a value. */
export class TemplateError extends Error {
  override readonly name = "TemplateError";
  /** What kind of reason. */
  readonly reason: TemplateReason;

  constructor(reason: TemplateReason, message: string) {
    super(message);
    this.reason = reason;
  }
}

/** Refuses a construct by its name. */
export function unsupported(construct: string): TemplateError {
  return new TemplateError("unsupported", `${construct} is not supported`);
}

/** What Python would say. */
export function fault(message: string): TemplateError {
  return new TemplateError("error", message);
}
