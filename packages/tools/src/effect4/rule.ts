/**
 * Defines the rules that turn a program for Effect 3 into one for Effect 4.
 */
import ts from "typescript"

/** Gives a rule what it needs to write a node anew. */
export interface Context {
  /** The text of a node for Effect 4. */
  readonly emit: (node: ts.Node) => string
  /** The local name of a module of Effect 4, by default of `effect`; it is imported if it is not yet. */
  readonly use: (module: string) => string
}

/** Writes a call of a member anew; `undefined` if the rule does not apply to this call. */
export type CallRule = (args: ReadonlyArray<string>, context: Context, call: ts.CallExpression) => string | undefined

/** Writes a call of a method of a value anew, whatever the value is; `undefined` if the rule does not apply to this call. */
export type MethodRule = (
  object: string,
  args: ReadonlyArray<string>,
  context: Context,
  call: ts.CallExpression
) => string | undefined

/** Writes a construction with `new` anew; `undefined` if the rule does not apply to this one. */
export type NewRule = (args: ReadonlyArray<string>, context: Context, made: ts.NewExpression) => string | undefined

/** Writes a member that a class no longer inherits. The call is the base class. */
export type ClassRule = (context: Context, base: ts.CallExpression) => string

/** Writes a reference of a generic type anew. */
export type TypeRule = (args: ReadonlyArray<string>, context: Context, node: ts.TypeReferenceNode) => string

/**
 * All rules of a kind of member. A name is `Module.member` of Effect 3, such as `Effect.catchAll`.
 */
export interface Rules {
  /** New places of modules: the specifier of Effect 4. A module that is not here keeps its name. */
  readonly modules?: Readonly<Record<string, string>>
  /** New names of members; `Module.member` if the module differs too. */
  readonly members?: Readonly<Record<string, string>>
  /** Texts that take the place of members, such as of constants that Effect 4 writes as literals. */
  readonly values?: Readonly<Record<string, (context: Context) => string>>
  readonly calls?: Readonly<Record<string, CallRule>>
  /** By the name of the method. */
  readonly methods?: Readonly<Record<string, MethodRule>>
  readonly classes?: Readonly<Record<string, ClassRule>>
  /** By the name of the class. */
  readonly news?: Readonly<Record<string, NewRule>>
  readonly types?: Readonly<Record<string, TypeRule>>
  /** New names of properties and methods of values, wherever they appear. */
  readonly properties?: Readonly<Record<string, string>>
  /** New values of string literals, such as tags. */
  readonly strings?: Readonly<Record<string, string>>
  /** New names, in sentences, of members whose calls have a rule. */
  readonly names?: Readonly<Record<string, string>>
  /** New texts of what an example prints. */
  readonly outputs?: Readonly<Record<string, string>>
}

/** The values of an object literal. */
export const fieldsOf = (node: ts.Expression): Readonly<Record<string, ts.Node | undefined>> =>
  Object.fromEntries(
    (ts.isObjectLiteralExpression(node) ? node.properties : []).map((property) => [
      property.name?.getText(),
      ts.isPropertyAssignment(property) ? property.initializer : property.name
    ])
  )

/** What a function without parameters returns. */
export const resultOf = (f: ts.Node, { emit }: Context): string =>
  ts.isArrowFunction(f) && !ts.isBlock(f.body) ? emit(f.body) : `(${emit(f)})()`
