/**
 * Rules for the modules of `@effect/platform`, which are in `effect` from Effect 4 on.
 */
import type { Rules } from "../rule.js"

const within = (folder: string, names: ReadonlyArray<string>): Readonly<Record<string, string>> =>
  Object.fromEntries(names.map((name) => [name, `effect/${folder}/${name}`]))

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
    NodeSdk: "@effect/opentelemetry/NodeSdk"
  }
}
