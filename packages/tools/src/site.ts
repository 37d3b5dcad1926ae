/**
 * `pnpm run docs`: builds the site from `docs/`, with search, and the API reference from the docstrings beside it. A dead link fails it.
 */
import * as Path from "node:path"
import { build } from "vitepress"
import { relative, root, run } from "./workspace.js"

const output = Path.join(root, "packages/tools/build/site")

await build(Path.join(root, "packages/tools/site"))
run("npx", ["typedoc", "--options", "packages/tools/typedoc.json", "--out", Path.join(output, "api")], root)
console.log(`The site is in ${relative(output)}.`)
