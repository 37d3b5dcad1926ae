/**
 * `pnpm docs:open`: opens the site that `pnpm run docs` has built in Chromium, follows links, switches to the other
 * edition, searches, and opens the API reference.
 */
import * as Fs from "node:fs"
import * as Http from "node:http"
import type { AddressInfo } from "node:net"
import * as Path from "node:path"
import type { Page } from "playwright-core"
import { chromium } from "playwright-core"
import { conclude, root } from "./workspace.js"

const site = Path.join(root, "packages/tools/build/site")

const types: Readonly<Record<string, string>> = {
  ".css": "text/css",
  ".html": "text/html",
  ".js": "text/javascript",
  ".json": "application/json",
  ".png": "image/png",
  ".svg": "image/svg+xml",
  ".woff2": "font/woff2"
}

/** As a host of static files does: a path without an extension is a page. */
const fileOf = (url: string): string | undefined => {
  const path = Path.join(site, decodeURIComponent(new URL(url, "http://site").pathname))
  const candidates = [path, `${path}.html`, Path.join(path, "index.html")]
  return candidates.find((file) => file.startsWith(site) && Fs.statSync(file, { throwIfNoEntry: false })?.isFile())
}

const server = Http.createServer((request, response) => {
  const file = fileOf(request.url ?? "/")
  if (file === undefined) return response.writeHead(404).end()
  response.writeHead(200, { "content-type": types[Path.extname(file)] ?? "application/octet-stream" })
  return Fs.createReadStream(file).pipe(response)
})

const executable = ["chromium", "chromium-browser", "google-chrome"]
  .flatMap((name) => (process.env["PATH"] ?? "").split(Path.delimiter).map((folder) => Path.join(folder, name)))
  .find((path) => Fs.existsSync(path))

const visit = async (page: Page, origin: string): Promise<void> => {
  await page.goto(`${origin}/`)
  await page.getByRole("link", { name: "Observability" }).first().click()
  await page.getByRole("heading", { level: 1, name: "Observability" }).waitFor()
  await page.locator(".vp-doc").getByRole("link", { name: "Effect 4", exact: true }).first().click()
  await page.waitForURL(`${origin}/effect4/observability`)
  await page.locator(".vp-doc").getByText("effect/http").first().waitFor()
  await page.getByRole("button", { name: "Search" }).first().click()
  await page.getByRole("searchbox").fill("retry budget")
  await page.locator("#localsearch-list a[href^='/effect4/']").first().waitFor()
  await page.goto(`${origin}/api/`)
  await page.getByRole("link", { name: "reprise" }).first().waitFor()
}

await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve))
const origin = `http://127.0.0.1:${(server.address() as AddressInfo).port}`
const browser = await chromium.launch({
  executablePath: executable!,
  args: ["--headless", "--no-sandbox", "--disable-gpu"]
})
const problems: Array<string> = []
try {
  const page = await browser.newPage()
  page.on("pageerror", ({ message }) => problems.push(`an error on ${page.url()}: ${message}`))
  page.on("response", (response) => {
    if (response.status() >= 400) problems.push(`${response.status()} for ${response.url()}`)
  })
  page.on("request", (request) => {
    if (!request.url().startsWith(origin) && !request.url().startsWith("data:")) {
      problems.push(`asks for ${request.url()}`)
    }
  })
  await visit(page, origin)
} catch (error) {
  problems.push(String(error))
} finally {
  await browser.close()
  server.close()
}
conclude(problems, "the site opens, its links and its search work")
