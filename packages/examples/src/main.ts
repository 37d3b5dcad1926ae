/** `pnpm --filter @reprise/examples start payments`: runs an example, or all of them. */
import { Console, Effect, Struct } from "effect"
import * as Download from "./download.js"
import * as DropIn from "./drop-in.js"
import * as Fallback from "./fallback.js"
import * as HttpApi from "./http-api.js"
import * as LanguageModel from "./language-model.js"
import * as Operations from "./operations.js"
import * as Pagination from "./pagination.js"
import * as Payments from "./payments.js"
import * as Service from "./service.js"
import * as Fleet from "./shared/fleet.js"

const examples = {
  "drop-in": DropIn.program,
  payments: Payments.program,
  download: Download.program,
  fallback: Fallback.program,
  "http-api": HttpApi.program,
  "language-model": LanguageModel.program,
  operations: Operations.program,
  pagination: Pagination.program,
  service: Service.program,
  shared: Fleet.program,
  webhooks: Effect.flatMap(Effect.promise(() => import("./webhooks.js")), ({ program }) => program)
}

const isExample = (name: string): name is keyof typeof examples => name in examples

const named = process.argv.slice(2).filter(isExample)

const run = (name: keyof typeof examples) =>
  Effect.flatMap(
    examples[name] as Effect.Effect<unknown, unknown>,
    (result) => Console.log(`${name}:`, result)
  )

Effect.runPromise(Effect.forEach(named.length > 0 ? named : Struct.keys(examples), run, { discard: true }))
