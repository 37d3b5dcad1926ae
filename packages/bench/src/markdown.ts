import * as results from "./results.js"
import type { Spread } from "./stats.js"

export const table = (head: ReadonlyArray<string>, rows: ReadonlyArray<ReadonlyArray<string>>): string =>
  [
    head,
    head.map((_, column) => column === 0 ? "---" : "---:"),
    ...rows
  ].map((cells) => `| ${cells.join(" | ")} |`).join("\n")

export const number = (value: number): string =>
  Math.abs(value) >= 100 ? Math.round(value).toLocaleString("en") : value.toFixed(1)

export const range = ({ max, min }: Spread): string => `${number(min)} to ${number(max)}`
export const code = (name: string): string => `\`${name}\``

export const microTable = (micro: ReadonlyArray<results.Micro>, bytes: results.Bytes): string =>
  table(
    ["case", "ns per call", "marginal ns", "range", "in F", "bytes", "marginal bytes"],
    Object.entries(micro[0]?.bases ?? {}).map(([name, base]) => {
      const marginal = results.marginal(micro, name)
      const own = name === base
      return [
        code(name),
        number(results.total(micro, name).median),
        own ? "" : number(marginal.median),
        own ? "" : range(marginal),
        own ? "" : results.ratio(micro, name, "Effect.flatMap").median.toFixed(2),
        number(bytes.bytes[name]?.median ?? NaN),
        own ? "" : number(results.marginalBytes(bytes, name))
      ]
    })
  )
