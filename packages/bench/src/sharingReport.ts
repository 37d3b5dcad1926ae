import { number, table } from "./markdown.js"
import type { Sharing } from "./results.js"

export const markdown = ({ bytesPerKey, rates }: Sharing): string =>
  `## Shared state

What one process asks of Redis for calls through a breaker and a budget that are shared. The calls themselves ask nothing: see
\`SharedCircuitBreaker\` above.

${
    table(
      ["calls per second", "commands per second"],
      rates.map(({ callsPerSecond, commandsPerSecond }) => [number(callsPerSecond), commandsPerSecond.toFixed(1)])
    )
  }

What Redis holds for a key, of 10,000:

${table(["key", "bytes"], Object.entries(bytesPerKey).map(([kind, bytes]) => [kind, number(bytes)]))}
`
