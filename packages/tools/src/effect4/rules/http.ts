/**
 * Rules for the modules of `@effect/platform`, which are in `effect` from Effect 4 on.
 */
import ts from "typescript"
import { type Context, type MethodRule, resultOf, type Rules, type TypeRule } from "../rule.js"

const within = (folder: string, names: ReadonlyArray<string>): Readonly<Record<string, string>> =>
  Object.fromEntries(names.map((name) => [name, `effect/${folder}/${name}`]))

/** An app is an effect that answers the request of its context. */
const app: TypeRule = ([error = "never", context = "never"], { use }) =>
  `${use("Effect")}.Effect<${use("HttpServerResponse")}.HttpServerResponse, ${error}, ${context} | ${
    use("HttpServerRequest")
  }.HttpServerRequest>`

/** The calls of a client see the last argument as a service. */
const providing = (args: ReadonlyArray<string>, service: string, use: Context["use"]): string => {
  const provide = `${use("Effect")}.provideService(${use("HttpClient")}.${service}, ${args.at(-1)})`
  return `${use("HttpClient")}.transformResponse(${[...args.slice(0, -1), provide].join(", ")})`
}

/** An endpoint takes its schemas as options of its constructor. */
const endpoint = (option: string): MethodRule => (made, [schema]) => {
  if (!made.startsWith("HttpApiEndpoint.")) return undefined
  const start = made.endsWith(" })") ? made.slice(0, -" })".length) : `${made.slice(0, -1)}, {`
  return `${start}${made.endsWith(" })") ? "," : ""} ${option}: ${schema} })`
}

export const http: Rules = {
  modules: {
    ...within("http", [
      "Cookies",
      "FetchHttpClient",
      "Headers",
      "HttpBody",
      "HttpClient",
      "HttpClientError",
      "HttpClientRequest",
      "HttpClientResponse",
      "HttpIncomingMessage",
      "HttpMethod",
      "HttpMiddleware",
      "HttpPlatform",
      "HttpRouter",
      "HttpServer",
      "HttpServerError",
      "HttpServerRequest",
      "HttpServerResponse",
      "HttpTraceContext",
      "UrlParams"
    ]),
    ...within("http-api", ["HttpApi", "HttpApiBuilder", "HttpApiClient", "HttpApiEndpoint", "HttpApiGroup"]),
    ...within("rpc", ["Rpc", "RpcClient", "RpcGroup", "RpcSerialization", "RpcServer"]),
    ...Object.fromEntries(
      ["NodeFileSystem", "NodeHttpClient", "NodeHttpServer", "NodeRuntime", "NodeStream"].map((name) => [
        name,
        `@effect/platform-node/${name}`
      ])
    ),
    Error: "effect/PlatformError",
    HttpApp: "effect/http/HttpEffect",
    HttpLayerRouter: "effect/http/HttpRouter",
    NodeSdk: "@effect/opentelemetry/NodeSdk"
  },
  members: {
    "Effect.random": "Random.Random",
    "HttpBody.unsafeJson": "jsonUnsafe",
    "HttpClient.currentTracerDisabledWhen": "TracerDisabledWhen",
    "HttpClient.currentTracerPropagation": "TracerPropagationEnabled",
    "HttpClientRequest.bodyUnsafeJson": "bodyJsonUnsafe",
    "HttpClientRequest.del": "delete",
    "HttpServerResponse.unsafeJson": "jsonUnsafe",
    "NodeHttpClient.layer": "layerNodeHttp",
    "NodeHttpClient.layerUndiciWithoutDispatcher": "layerUndiciNoDispatcher",
    "NodeHttpClient.layerWithoutAgent": "layerNodeHttpNoAgent",
    "NodeHttpClient.makeAgentLayer": "layerAgentOptions",
    "Stream.ensuringWith": "onExit",
    "Stream.fromChunk": "fromIterable",
    "Stream.repeatEffectWithSchedule": "fromEffectSchedule",
    "Stream.toReadableStreamRuntime": "toReadableStreamWith"
  },
  calls: {
    "Cause.defects": ([cause], { use }) =>
      `${cause}.reasons.filter(${use("Cause")}.isDieReason).map(({ defect }) => defect)`,
    "Cause.failures": ([cause], { use }) =>
      `${use("Chunk")}.fromIterable(${cause}.reasons.filter(${use("Cause")}.isFailReason).map(({ error }) => error))`,
    "Cause.flatMap": ([cause, f], { use }) => {
      const { isFail, make } = { isFail: `${use("Cause")}.isFailReason`, make: `${use("Cause")}.fromReasons` }
      return `${make}(${cause}.reasons.flatMap((reason) => ${isFail}(reason) ? (${f})(reason.error).reasons : [reason]))`
    },
    "Context.Reference()": (_, { emit, use }, call) =>
      `${use("Context")}.Reference(${call.arguments.map(emit).join(", ")})`,
    // It has one value for all copies of a library.
    "GlobalValue.globalValue": ([key, make]) => `((globalThis as any)[${key}] ??= (${make})())`,
    // In Effect 4 the requirements of the app are not inferred.
    "HttpApp.toWebHandlerRuntime": ([runtime], { emit, use }, { arguments: [argument], typeArguments }) => {
      const made = argument && ts.isYieldExpression(argument) ? argument.expression : undefined
      const [needed] = typeArguments ?? (made && ts.isCallExpression(made) ? made.typeArguments : undefined) ?? []
      const own = needed === undefined ? "never" : emit(needed)
      const given = `${use("HttpServerRequest")}.HttpServerRequest | ${use("Scope")}.Scope`
      return `${use("HttpEffect")}.toWebHandlerWith<${own}, ${own} | ${given}>(${runtime})`
    },
    "HttpClient.withSpanNameGenerator": (args, { use }) => providing(args, "SpanNameGenerator", use),
    "HttpClient.withTracerDisabledWhen": (args, { use }) => providing(args, "TracerDisabledWhen", use),
    "HttpClient.withTracerPropagation": (args, { use }) => providing(args, "TracerPropagationEnabled", use),
    "HttpServerRequest.withMaxBodySize": ([size], { use }) => {
      const bytes = `${use("Option")}.getOrUndefined(${use("Option")}.map(${size}, ${use("ByteSize")}.bytes))`
      return `${use("Effect")}.provideService(${use("HttpIncomingMessage")}.MaxBodySize, ${bytes})`
    },
    "Effect.locally": (args, { use }) => `${use("Effect")}.provideService(${args.join(", ")})`,
    "NodeStream.fromReadable": ([evaluate, onError], { use }) =>
      `${use("NodeStream")}.fromReadable({ evaluate: ${evaluate}, onError: ${onError} })`,
    "Random.nextIntBetween": ([min, max], { use }) =>
      `${use("Random")}.nextIntBetween(${min}, ${max}, { halfOpen: true })`,
    "Stream.fromReadableStream": ([evaluate, onError], { use }) =>
      `${use("Stream")}.fromReadableStream({ evaluate: ${evaluate}, onError: ${onError} })`,
    // The end of a pull is no `Option` in Effect 4.
    "Effect.mapError": ([pull], context, { arguments: [, f] }) => {
      const { use } = context
      const end = f && ts.isCallExpression(f) && f.expression.getText() === "Option.getOrElse"
        ? f.arguments[0]
        : undefined
      if (end === undefined) return undefined
      return `${use("Pull")}.catchDone(${pull}, () => ${use("Effect")}.fail(${resultOf(end, context)}))`
    },
    "Stream.repeatEffectChunkOption": ([pull], { use }) =>
      `${use("Stream")}.fromPull(${use("Effect")}.succeed(${pull}))`,
    // A page is an array.
    "Stream.paginateChunkEffect": (args, { use }) => {
      const pages = args.at(-1)!.replace(/\[Chunk\.fromIterable\(([^()]*)\), /, "[$1, ")
      return `${use("Stream")}.paginate(${[...args.slice(0, -1), pages].join(", ")})`
    },
    "Stream.timeoutFail": (args, context, { arguments: nodes }) => {
      const { use } = context
      const orElse = `() => ${use("Stream")}.fail(${resultOf(nodes.at(-2)!, context)})`
      const options = `{ duration: ${args.at(-1)}, orElse: ${orElse} }`
      return `${use("Stream")}.timeoutOrElse(${[...args.slice(0, -2), options].join(", ")})`
    },
    "Stream.scan": (args, { use }) =>
      `${use("Stream")}.scan(${[...args.slice(0, -2), `() => (${args.at(-2)})`, args.at(-1)].join(", ")})`,
    "Stream.runFold": (args, { use }) =>
      `${use("Stream")}.runFold(${[...args.slice(0, -2), `() => (${args.at(-2)})`, args.at(-1)].join(", ")})`
  },
  methods: { addSuccess: endpoint("success"), setPayload: endpoint("payload") },
  strings: Object.fromEntries(
    ["response-only", "errors-only"].map((mode) => [
      `retryTransient({ mode: "${mode}" })`,
      `retryTransient({ retryOn: "${mode}" })`
    ])
  ),
  names: {
    "@effect/platform": "effect/http",
    "@effect/rpc": "effect/rpc",
    "@effect/sql": "effect/sql",
    "HttpClient.withTracerDisabledWhen": "HttpClient.TracerDisabledWhen",
    "HttpClient.withTracerPropagation": "HttpClient.TracerPropagationEnabled",
    "Stream.timeoutFail": "Stream.timeoutOrElse"
  },
  values: {
    "DefaultServices.liveServices": ({ use }) => `${use("Context")}.empty()`,
    "Runtime.defaultRuntime": ({ use }) => `${use("Context")}.empty()`
  },
  types: {
    "Config.Config.Wrap": ([options], { use }) => `${use("Config")}.Wrap<${options}>`,
    // In Effect 4 a client is invariant in its error.
    "HttpClient.HttpClient.With": (args, { use }) => {
      const types = args.length === 1 && args[0] === "unknown" ? ["any"] : args
      return `${use("HttpClient")}.HttpClient.With<${types.join(", ")}>`
    },
    "Effect.Effect.Context": ([effect], { use }) => `${use("Effect")}.Services<${effect}>`,
    "Effect.Effect.Error": ([effect], { use }) => `${use("Effect")}.Error<${effect}>`,
    "Effect.Effect.Success": ([effect], { use }) => `${use("Effect")}.Success<${effect}>`,
    "HttpApp.Default": app
  }
}
