import * as Effect from "effect/Effect"
import { script } from "./script.js"
import { style } from "./style.js"

/** Without a text for it, an empty section is hidden. */
const section = (id: string, title: string, empty?: string, kind = "") => `
<section id="${id}" aria-labelledby="${id}-title"${empty === undefined ? " hidden" : ""}>
<h2 id="${id}-title">${title}</h2>
${empty === undefined ? "" : `<p>${empty}</p>`}
<div class="scroll ${kind}" role="group" aria-labelledby="${id}-title" tabindex="0" hidden>
<table aria-labelledby="${id}-title"><thead></thead><tbody></tbody></table>
</div>
</section>`

/**
 * The page. It does not depend on data.
 *
 * @internal
 */
export const document = (hasActions: boolean): string =>
  `<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>Reprise</title>
<link rel="icon" href="data:,">
<style>${style}</style>
</head>
<body data-actions="${hasActions}">
<header>
<h1>Reprise</h1>
<p id="connection" role="status">Connecting</p>
<p id="changes" role="status"></p>
<p id="result" role="status"></p>
</header>
<main>
${section("circuits", "Circuit breakers", "No attempt has passed a circuit breaker yet.")}
${section("gates", "Retry-After gates")}
${section("limits", "Queues and limits")}
${section("budgets", "Retry budgets")}
<p id="omitted"></p>
${section("decisions", "Last decisions", "Nothing has been decided since this page was opened.", "tall")}
<p id="dropped"></p>
</main>
<script>${script}</script>
</body>
</html>
`

const sourceOf = (text: string): Effect.Effect<string> =>
  Effect.map(
    Effect.promise(() => crypto.subtle.digest("SHA-256", new TextEncoder().encode(text))),
    (hash) => `'sha256-${btoa(String.fromCharCode(...new Uint8Array(hash)))}'`
  )

/**
 * Only the style and the script of the page are allowed, and connections to the same origin.
 *
 * @internal
 */
export const contentSecurityPolicy: Effect.Effect<string> = Effect.map(
  Effect.all([sourceOf(style), sourceOf(script)]),
  ([style, script]) =>
    [
      "default-src 'none'",
      `style-src ${style}`,
      `script-src ${script}`,
      "connect-src 'self'",
      "img-src data:",
      "base-uri 'none'",
      "form-action 'none'",
      "frame-ancestors 'none'",
      "require-trusted-types-for 'script'"
    ].join("; ")
)
