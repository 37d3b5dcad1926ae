/** HTML from strings: whatever is put into a template is escaped, unless it is `Html` itself. */
export class Html {
  constructor(readonly text: string) {}
}

const entities: Readonly<Record<string, string>> = {
  "&": "&amp;",
  "<": "&lt;",
  ">": "&gt;",
  "\"": "&quot;",
  "'": "&#39;"
}

export const escape = (text: string): string => text.replace(/[&<>"']/g, (char) => entities[char]!)

type Value = Html | string | number | ReadonlyArray<Html>

const render = (value: Value): string =>
  value instanceof Html
    ? value.text
    : typeof value === "object"
    ? value.map((html) => html.text).join("")
    : escape(String(value))

export const html = (strings: TemplateStringsArray, ...values: ReadonlyArray<Value>): Html =>
  new Html(strings.reduce((text, part, index) => text + render(values[index - 1] ?? "") + part))
