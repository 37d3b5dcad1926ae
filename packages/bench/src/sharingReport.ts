import { number, table } from "./markdown.js"
import type { Sharing } from "./results.js"

export const markdown = ({ bytesPerKey, rates }: Sharing): string =>
  `## Shared state

The commands of one process to Redis for calls through a shared breaker and a shared budget. The calls themselves ask nothing: see
\`SharedCircuitBreaker\` above.

${
    table(
      ["calls per second", "commands per second"],
      rates.map(({ callsPerSecond, commandsPerSecond }) => [number(callsPerSecond), commandsPerSecond.toFixed(1)])
    )
  }

The memory of Redis per key, for 10,000 keys:

${table(["key", "bytes"], Object.entries(bytesPerKey).map(([kind, bytes]) => [kind, number(bytes)]))}
`
