/**
 * Finds functions that take a schedule and return a schedule or an effect with its context. In Effect 4 they get a type
 * parameter for its error too: `Err` for `R`, `Err1` for `R1`.
 */
import ts from "typescript"

const typeOf = (node: ts.Node, name: string): ReadonlyArray<ts.TypeNode> | undefined =>
  ts.isTypeReferenceNode(node) && node.typeName.getText() === name ? node.typeArguments : undefined

/** Whether the node names the type. */
const names = (node: ts.Node | undefined, name: string): boolean => {
  if (node === undefined) return false
  if (ts.isTypeReferenceNode(node) && node.typeName.getText() === name) return true
  return ts.forEachChild(node, (part) => names(part, name) || undefined) === true
}

const isFallible = (node: ts.Node, name: string): boolean => {
  const schedule = typeOf(node, "Schedule.Schedule")
  if (schedule !== undefined) return names(schedule[2], name)
  const effect = typeOf(node, "Effect.Effect")
  if (effect !== undefined) return effect[1]?.getText() !== "never" && names(effect[2], name)
  return ts.forEachChild(node, (part) => isFallible(part, name) || undefined) === true
}

/** Whether a schedule has the context, and nothing else has. */
const isOfSchedule = (node: ts.Node, name: string): boolean => {
  if (typeOf(node, "Schedule.Schedule")?.[2]?.getText() === name) return true
  const parts: Array<ts.Node> = []
  ts.forEachChild(node, (part) => {
    if (names(part, name)) parts.push(part)
  })
  return parts.length > 0 && parts.every((part) => isOfSchedule(part, name))
}

const takes = ({ parameters }: ts.SignatureDeclarationBase, name: string): boolean =>
  parameters.some(({ type }) => type !== undefined && isOfSchedule(type, name))

/** The parameter for the error that belongs to the context `name` of a signature, if the signature needs one. */
export const errorOf = (signature: ts.Node, name: string): string | undefined => {
  if (!ts.isFunctionLike(signature) || signature.type === undefined) return undefined
  if (!takes(signature, name) || !isFallible(signature.type, name)) return undefined
  return name.replace(/^R/, "Err")
}

const signatureOf = (node: ts.Node, name: string): ts.Node | undefined => {
  for (let scope = node.parent; scope !== undefined; scope = scope.parent) {
    if (ts.isFunctionLike(scope) && scope.typeParameters?.some((one) => one.name.text === name) === true) return scope
  }
  return undefined
}

/** The errors that belong to a context, such as `R | R1`. */
export const errorsIn = (context: ts.TypeNode): ReadonlyArray<string> => {
  const parts = ts.isUnionTypeNode(context) ? context.types : [context]
  return parts.flatMap((part) => {
    const signature = signatureOf(part, part.getText())
    return signature === undefined ? [] : errorOf(signature, part.getText()) ?? []
  })
}
