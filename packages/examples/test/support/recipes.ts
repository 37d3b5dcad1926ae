/**
 * The recipes of the guides, as programs that a test can import.
 */
import * as Fs from "node:fs"
import * as Path from "node:path"

const root = Path.resolve(import.meta.dirname, "../../../..")

/** The page that lists all recipes. */
export const index = Fs.readFileSync(Path.join(root, "docs/recipes.md"), "utf8")

/** A section of a page: what it says before its code, the code, and what it says after it. */
export interface Recipe {
  readonly page: string
  readonly title: string
  readonly before: string
  readonly code: string
  readonly after: string
}

const pages = Fs.readdirSync(Path.join(root, "docs/recipes")).sort()

/** Every recipe of every page. */
export const all: ReadonlyArray<Recipe> = pages.flatMap((page) =>
  Fs.readFileSync(Path.join(root, "docs/recipes", page), "utf8").split(/^## /m).slice(1).map((section) => {
    const [, title, before, code, after] = /^(.*)\n([^]*?)```ts\n([^]*?)```\n([^]*)$/.exec(section)!
    return { page, title: title!, before: before!.trim(), code: code!, after: after!.trim() }
  })
)

/** How many sentences a text has. Code has no sentences. */
export const sentences = (text: string): number => text.replaceAll(/`[^`]*`/g, "x").match(/\.(\s|$)/g)?.length ?? 0

/** Where GitHub puts the heading. */
export const anchor = ({ page, title }: Recipe): string =>
  `recipes/${page}#${title.toLowerCase().replaceAll(/[^\w -]/g, "").replaceAll(" ", "-")}`

/**
 * Imports a recipe without the line that runs it. The names are those that the test needs. The caller gives their types, because the
 * program exists only while the test runs.
 */
export const load = async <A>(title: string, ...names: ReadonlyArray<string>): Promise<A> => {
  const recipe = all.find((recipe) => recipe.title.startsWith(title))
  if (recipe === undefined) throw new Error(`there is no recipe "${title}"`)
  const path = Path.join(root, "packages/examples/build/recipes", `${anchor(recipe).replaceAll(/\W+/g, "-")}.ts`)
  Fs.mkdirSync(Path.dirname(path), { recursive: true })
  const code = recipe.code.replace(/^Effect\.runPromise\(program\).*$/m, "")
  Fs.writeFileSync(path, `${code}\nexport { ${names.join(", ")} }\n`)
  return await import(path) as A
}
