/**
 * Rules for the errors of an HTTP client. In Effect 4 there is one class, with the kind of the error as its reason.
 */
import ts from "typescript"
import type { NewRule, Rules } from "../rule.js"

/** Writes `new RequestError({ reason: "Transport", request })`; the reason may be an expression. */
const construct: NewRule = (_, { emit, use }, made) => {
  const [facts] = made.arguments ?? []
  if (facts === undefined || !ts.isObjectLiteralExpression(facts)) return undefined
  const errors = use("HttpClientError")
  let reason: string | undefined
  const others: Array<string> = []
  for (const property of facts.properties) {
    if (property.name?.getText() !== "reason") others.push(emit(property))
    else if (ts.isPropertyAssignment(property)) {
      const { initializer } = property
      reason = ts.isStringLiteral(initializer)
        ? `${errors}.${initializer.text}Error`
        : `${errors}[\`\${${emit(initializer)}}Error\` as const]`
    } else reason = `${errors}[\`\${reason}Error\` as const]`
  }
  return reason && `new ${errors}.HttpClientError({ reason: new ${reason}({ ${others.join(", ")} }) })`
}

export const httpErrors: Rules = {
  names: { RequestError: "HttpClientError", ResponseError: "HttpClientError" },
  outputs: { "ResponseError after 2 requests": "HttpClientError after 2 requests" },
  members: {
    "HttpClientError.RequestError": "HttpClientError",
    "HttpClientError.ResponseError": "HttpClientError"
  },
  news: {
    "HttpClientError.RequestError": construct,
    "HttpClientError.ResponseError": construct
  }
}
