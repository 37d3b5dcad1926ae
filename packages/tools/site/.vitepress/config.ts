/**
 * The site of the guides: its menus, its search and its links. `pnpm run docs` builds it, with the guides for Effect 4 in `effect4/`.
 */
import * as Fs from "node:fs"
import * as Path from "node:path"
import type { DefaultTheme, UserConfig } from "vitepress"

const root = Path.resolve(import.meta.dirname, "../../../..")
const docs = Path.join(root, "docs")

/** The pages in the order of the menu. A page that is in no group is under "More". */
const groups: Readonly<Record<string, ReadonlyArray<string>>> = {
  "Start": ["getting-started", "effect-4", "service-wiring", "configuration", "recipes", "demo"],
  "HTTP": ["http", "failures", "fetch", "hedging"],
  "Policies": ["policies", "retry", "backoff", "circuit-breaker", "overload", "shared-state"],
  "Operate": ["observability", "troubleshooting", "testing", "runtimes"],
  "Compare": ["comparison", "migrations", "tenacity", "benchmarks"],
  "Inside": ["architecture", "contributing"]
}

const pages = (folder: string): ReadonlyArray<string> =>
  Fs.readdirSync(Path.join(docs, folder)).filter((file) => file.endsWith(".md")).map((file) => file.slice(0, -3)).sort()

const item = (base: string) => (page: string): DefaultTheme.SidebarItem => {
  const [, title] = /^# (.*)$/m.exec(Fs.readFileSync(Path.join(docs, `${page}.md`), "utf8")) ?? []
  return { text: title ?? page, link: `${base}${page}` }
}

const sidebar = (base: string): Array<DefaultTheme.SidebarItem> => {
  const all = pages("").filter((page) => page !== "index")
  const listed = new Set(Object.values(groups).flat())
  const sections = { ...groups, "More": all.filter((page) => !listed.has(page)) }
  const items = Object.entries(sections).map(([text, names]) => ({
    text,
    items: names.filter((name) => all.includes(name)).map(item(base))
  }))
  const folders = ["recipes", "migrations", "decisions"].map((folder) => ({
    text: folder[0]!.toUpperCase() + folder.slice(1),
    collapsed: true,
    items: pages(folder).map((page) => item(base)(`${folder}/${page}`))
  }))
  return [...items, ...folders].filter(({ items }) => items.length > 0)
}

const manifest = Fs.readFileSync(Path.join(root, "packages/reprise/package.json"), "utf8")
const { repository } = JSON.parse(manifest) as { readonly repository?: { readonly url: string } }
const source = repository?.url.replace(/^git\+/, "").replace(/\.git$/, "")

/** A link out of `docs/` leads to the repository. */
const outside = (href: string): string => {
  const path = href.replace(/^(\.\.\/)+/, "")
  return source === undefined ? "#" : `${source}/blob/main/${path}`
}

const edition = (label: string, base: string) => ({
  label,
  lang: "en",
  link: base,
  themeConfig: {
    nav: [{ text: "Guides", link: base }, { text: "API", link: "/api/", target: "_self" }],
    sidebar: sidebar(base)
  }
})

const config: UserConfig<DefaultTheme.Config> = {
  srcDir: "../build/pages",
  outDir: Path.join(root, "packages/tools/build/site"),
  cacheDir: Path.join(root, "packages/tools/build/site-cache"),
  title: "Reprise",
  description: "Retries, circuit breakers and overload protection for Effect",
  locales: { root: edition("Effect 3", "/"), effect4: edition("Effect 4", "/effect4/") },
  cleanUrls: true,
  lastUpdated: false,
  markdown: {
    config: (markdown) => {
      const { normalizeLink } = markdown
      const isOutside = (href: string) => /^\.\.\/(\.\.\/)?(packages|README|LICENSE|CHANGELOG)/.test(href)
      markdown.normalizeLink = (href) => normalizeLink(isOutside(href) ? outside(href) : href)
    }
  },
  // Built into the site after the pages.
  ignoreDeadLinks: [/^\/api\//],
  themeConfig: {
    langMenuLabel: "Edition",
    search: { provider: "local" },
    outline: [2, 3],
    ...source && { socialLinks: [{ icon: "github", link: source }] }
  }
}

export default config
