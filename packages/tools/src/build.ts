/**
 * `pnpm build`: compiles the published packages into `dist`, and removes what no source file stands behind any more. Calls
 * at the top of a module are marked as pure, as Effect marks its own, so that bundlers leave out what a program does not
 * use. Only files that the compiler has written since the last build are marked.
 */
import * as Babel from "@babel/core"
import * as Fs from "node:fs"
import * as Path from "node:path"
import { packages, readJson, relative, run } from "./workspace.js"

for (const pkg of packages) {
  const dist = Path.join(pkg.directory, "dist")
  if (!Fs.existsSync(dist)) Fs.rmSync(Path.join(pkg.directory, "build/src.tsbuildinfo"), { force: true })
  else {
    for (const file of Fs.readdirSync(dist, { recursive: true, encoding: "utf8" })) {
      const source = Path.join(pkg.directory, "src", file.replace(/(\.d\.ts|\.js)(\.map)?$/, ".ts"))
      if (!Fs.existsSync(source)) Fs.rmSync(Path.join(dist, file), { recursive: true, force: true })
    }
  }
}
process.stdout.write(run("tsc", ["-b", ...packages.map((pkg) => `${relative(pkg.directory)}/tsconfig.src.json`)]))

for (const pkg of packages) {
  const dist = Path.join(pkg.directory, "dist")
  const stamp = Path.join(pkg.directory, "build/marked")
  const markedMillis = Fs.existsSync(stamp) ? Fs.statSync(stamp).mtimeMs : 0
  for (const file of Fs.readdirSync(dist, { recursive: true, encoding: "utf8" })) {
    const path = Path.join(dist, file)
    if (!file.endsWith(".js") || Fs.statSync(path).mtimeMs <= markedMillis) continue
    const { code, map } = Babel.transformFileSync(path, {
      configFile: false,
      babelrc: false,
      plugins: ["annotate-pure-calls"],
      inputSourceMap: readJson(`${path}.map`),
      sourceMaps: true
    })!
    Fs.writeFileSync(path, code!)
    Fs.writeFileSync(`${path}.map`, JSON.stringify(map))
  }
  Fs.writeFileSync(stamp, "")
}
