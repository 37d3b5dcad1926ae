/**
 * Rules for `Schema`, whose checks are values in Effect 4.
 */
import ts from "typescript"
import type { CallRule, Rules } from "../rule.js"

/** A check for `pipe`. */
const check = (made: (args: ReadonlyArray<string>) => string): CallRule => (args, { use }) =>
  `(self) => self.check(${use("Schema")}.${made(args)})`

/** The fields of an object with these names, as they are. */
const fields = (node: ts.Expression, names: ReadonlyArray<string>, emit: (node: ts.Node) => string): string =>
  ts.isObjectLiteralExpression(node)
    ? node.properties.filter(({ name }) => name !== undefined && names.includes(name.getText())).map(emit).join(",\n")
    : ""

export const schemas: Rules = {
  members: {
    "ParseResult.ParseError": "Schema.SchemaError",
    "Schema.Schema": "Codec",
    "Schema.decode": "decodeEffect",
    "Schema.decodeUnknown": "decodeUnknownEffect",
    "Schema.encode": "encodeEffect",
    "Schema.parseJson": "fromJsonString",
    // All schemas of Effect 3 have an encoded form that JSON can hold.
    "Schema.asSchema": "toCodecJson"
  },
  calls: {
    "Schema.Literal": (literals, { use }, { arguments: nodes }) =>
      nodes.length === 1 && !ts.isSpreadElement(nodes[0]!)
        ? undefined
        : `${use("Schema")}.Literals([${literals.join(", ")}])`,
    "Schema.Union": (members, { use }) => `${use("Schema")}.Union([${members.join(", ")}])`,
    "Schema.between": check(([minimum, maximum]) => `isBetween({ minimum: ${minimum}, maximum: ${maximum} })`),
    "Schema.filter": check(([predicate]) => `makeFilter(${predicate})`),
    "Schema.finite": check(() => "isFinite()"),
    "Schema.maxItems": check(([most]) => `isMaxLength(${most})`),
    "Schema.omit": (names, { use }) => `(self) => self.mapFields(${use("Struct")}.omit([${names.join(", ")}]))`,
    "Schema.transform": ([from, to], { emit, use }, { arguments: [, , options] }) =>
      `${from}.pipe(${use("Schema")}.decodeTo(${to}, ${use("SchemaTransformation")}.transform({\n${
        fields(options!, ["decode", "encode"], emit)
      }\n})))`
  },
  methods: {
    annotations: (schema, args) => `${schema}.annotate(${args.join(", ")})`
  },
  types: {
    "Schema.Schema": ([type, encoded, services], { use }) =>
      `${use("Schema")}.Codec<${[type, encoded, services, services].filter((one) => one !== undefined).join(", ")}>`,
    "Schema.Schema.All": (_, { use }) => `${use("Schema")}.Constraint`,
    "Schema.Schema.Any": (_, { use }) => `${use("Schema")}.Constraint`,
    "Schema.Schema.Context": ([schema]) => `(${schema}["DecodingServices"] | ${schema}["EncodingServices"])`,
    "Schema.Simplify": ([type]) => type!,
    "Schema.Struct.Constructor": ([fields], { use }) => `${use("Schema")}.Struct.MakeIn<${fields}>`
  },
  strings: { ParseError: "SchemaError" }
}
