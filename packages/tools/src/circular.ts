/**
 * `pnpm circular`: fails when modules of a published package import each other in a circle. Imports of types alone
 * leave nothing behind at run time and are no circle.
 */
import madge from "madge"
import * as Path from "node:path"
import { conclude, packages, root } from "./workspace.js"

const graph = await madge(packages.map((pkg) => Path.join(pkg.directory, "src")), {
  baseDir: root,
  fileExtensions: ["ts"],
  tsConfig: Path.join(root, "tsconfig.base.json"),
  detectiveOptions: { ts: { skipTypeImports: true } }
})
conclude(
  graph.circular().map((circle) => `circular import: ${[...circle, circle[0]].join(" -> ")}`),
  `no circular imports among ${Object.keys(graph.obj()).length} modules`
)
