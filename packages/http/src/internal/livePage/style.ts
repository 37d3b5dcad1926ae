/**
 * Colours have a contrast of at least 4.5 to 1 on their background, in light and in dark.
 *
 * @internal
 */
export const style = `
:root {
  color-scheme: light dark;
  --text: #1b1f24; --soft: #4d5661; --page: #f5f6f8; --card: #ffffff; --line: #d5d9de; --focus: #0b57d0;
  --pass: #0b5c2d; --pass-on: #e3f4e8; --warn: #734c00; --warn-on: #fff2d1; --fail: #9b1c13; --fail-on: #fde8e6;
}
@media (prefers-color-scheme: dark) {
  :root {
    --text: #e7eaee; --soft: #a9b2bd; --page: #14171b; --card: #1d2126; --line: #3a414a; --focus: #8ab4f8;
    --pass: #8fdcab; --pass-on: #15301f; --warn: #f5cd73; --warn-on: #37290a; --fail: #ffb1a8; --fail-on: #451713;
  }
}
* { box-sizing: border-box }
body { margin: 0; font: 14px/1.5 system-ui, sans-serif; color: var(--text); background: var(--page) }
header, main { max-width: 84rem; margin: 0 auto; padding: 0 1.25rem }
header { padding-top: 1.25rem; display: flex; flex-wrap: wrap; gap: 0 1.5rem; align-items: baseline }
h1 { font-size: 1.4rem; margin: 0 }
h2 { font-size: 1.05rem; margin: 0 0 .5rem }
header p { margin: 0; color: var(--soft) }
section { background: var(--card); border: 1px solid var(--line); border-radius: 8px; padding: 1rem 1.25rem; margin: 1rem 0 }
section p { margin: 0; color: var(--soft) }
.scroll { overflow-x: auto }
.scroll.tall { max-height: 24rem; overflow-y: auto }
table { border-collapse: collapse; width: 100% }
th, td { text-align: left; padding: .35rem .8rem .35rem 0; border-bottom: 1px solid var(--line); vertical-align: top }
thead th { font-weight: 600; color: var(--soft); white-space: nowrap }
tbody th { font-weight: 600; overflow-wrap: anywhere; min-width: 14rem }
tbody tr:last-child > * { border-bottom: 0 }
td { font-variant-numeric: tabular-nums; overflow-wrap: anywhere }
.number { text-align: right; white-space: nowrap }
.state { display: inline-block; padding: 0 .55rem; border-radius: 99px; font-weight: 600; white-space: nowrap }
.pass { color: var(--pass); background: var(--pass-on) }
.warn { color: var(--warn); background: var(--warn-on) }
.fail { color: var(--fail); background: var(--fail-on) }
.actions { white-space: nowrap }
button { font: inherit; padding: .1rem .7rem; margin-right: .4rem; border: 1px solid var(--soft); border-radius: 6px;
  color: var(--text); background: var(--card); cursor: pointer }
button[aria-disabled=true] { color: var(--soft); border-color: var(--line); cursor: default }
:focus-visible { outline: 3px solid var(--focus); outline-offset: 2px }
[hidden] { display: none }
`
