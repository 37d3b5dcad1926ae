/** Parts of an SVG that follows the colour scheme of its reader. */

export const width = 720

const style = `
  text { font: 13px system-ui, sans-serif; fill: #1f2328 }
  .title { font-weight: 600; font-size: 15px }
  .small { font-size: 11px; fill: #59636e }
  .line { stroke: #d1d9e0 }
  .box { fill: #f6f8fa; stroke: #818b98 }
  .arrow { stroke: #59636e; fill: none; stroke-width: 1.5 }
  .head { fill: #59636e }
  .a { stroke: #0969da; fill: #0969da } .b { stroke: #bc4c00; fill: #bc4c00 } .c { stroke: #1a7f37; fill: #1a7f37 }
  .path { fill: none; stroke-width: 2 }
  .dot { stroke: none; fill-opacity: 0.35 }
  @media (prefers-color-scheme: dark) {
    text { fill: #f0f6fc } .small { fill: #9198a1 } .line { stroke: #3d444d }
    .box { fill: #151b23; stroke: #656c76 } .arrow { stroke: #9198a1 } .head { fill: #9198a1 }
    .a { stroke: #4493f8; fill: #4493f8 } .b { stroke: #f0883e; fill: #f0883e } .c { stroke: #3fb950; fill: #3fb950 }
    .path { fill: none } .dot { stroke: none }
  }`

/** A picture with a title, and a description for those who cannot see it. */
export const svg = (height: number, title: string, description: string, parts: ReadonlyArray<string>): string =>
  `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${width} ${height}" role="img" aria-labelledby="t d">
<title id="t">${title}</title>
<desc id="d">${description}</desc>
<style>${style}
</style>
<defs><marker id="head" viewBox="0 0 8 8" refX="7" refY="4" markerWidth="8" markerHeight="8" orient="auto-start-reverse">
<path class="head" d="M0 0 8 4 0 8z"/></marker></defs>
${parts.join("\n")}
</svg>
`

export const text = (x: number, y: number, content: string, kind = "", anchor = "start"): string =>
  `<text x="${x}" y="${y}" class="${kind}" text-anchor="${anchor}">${content}</text>`

export const box = (x: number, y: number, w: number, h: number, label: string): string =>
  `<rect class="box" x="${x}" y="${y}" width="${w}" height="${h}" rx="8"/>${
    text(x + w / 2, y + h / 2 + 5, label, "", "middle")
  }`

export const arrow = (path: string): string => `<path class="arrow" d="${path}" marker-end="url(#head)"/>`

export interface Curve {
  readonly kind: "a" | "b" | "c"
  readonly label: string
  readonly values: ReadonlyArray<number>
}

/** Curves over seconds, with a scale at the left and a legend. */
export const chart = (
  { curves, height, max, top, unit }: {
    readonly top: number
    readonly height: number
    readonly max: number
    readonly unit: string
    readonly curves: ReadonlyArray<Curve>
  }
): ReadonlyArray<string> => {
  const [left, right] = [52, width - 16]
  const seconds = Math.max(...curves.map(({ values }) => values.length))
  const x = (i: number) => left + i * (right - left) / (seconds - 1)
  const y = (value: number) => top + height - Math.min(value / max, 1) * height
  const scale = [0, max / 2, max].flatMap((value) => [
    `<line class="line" x1="${left}" x2="${right}" y1="${y(value)}" y2="${y(value)}"/>`,
    text(left - 6, y(value) + 4, String(value), "small", "end")
  ])
  const axis = Array.from(
    { length: Math.floor((seconds - 1) / 10) + 1 },
    (_, i) => text(x(i * 10), top + height + 16, `${i * 10} s`, "small", "middle")
  )
  const paths = curves.map(({ kind, values }) =>
    `<path class="path ${kind}" d="M${
      values.map((value, i) => `${x(i).toFixed(1)} ${y(value).toFixed(1)}`).join("L")
    }"/>`
  )
  const legend = curves.map(({ kind, label }, i) =>
    `<rect class="${kind}" x="${left + i * 220}" y="${top + height + 28}" width="12" height="12"/>${
      text(left + i * 220 + 18, top + height + 39, label, "small")
    }`
  )
  return [text(left, top - 8, unit, "small"), ...scale, ...axis, ...paths, ...legend]
}
