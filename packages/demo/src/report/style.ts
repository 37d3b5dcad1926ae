/** The look of the report. */
export const style = `
:root { color-scheme: light dark; --page: #ffffff; --card: #f5f6f8; --text: #1b1f24; --soft: #5a6370; --line: #d5dae1;
  --good: #0b7a3e; --bad: #c2261d; --answered: #1a9c55; --refused: #d99a00; --failed: #e06a10; --lost: #d1332a;
  --abandoned: #7a4fd0; --unreachable: #6b7480; --coin: #f2c230; --ink: #ffffff; --down: #e4e0ec }
@media (prefers-color-scheme: dark) { :root { --page: #14171b; --card: #1e2329; --text: #e9ecef; --soft: #a3acb8;
  --line: #363d46; --good: #4cc98a; --bad: #ff7a70; --answered: #2fae6b; --refused: #e0a92a; --failed: #f08a3c;
  --lost: #f0625a; --abandoned: #a68af0; --unreachable: #8a94a1; --ink: #14171b;
  --down: #383348 } }
* { box-sizing: border-box }
body { margin: 0; background: var(--page); color: var(--text); font: 16px/1.45 system-ui, sans-serif }
main { max-width: 1080px; margin: 0 auto; padding: 28px 24px 48px }
h1 { font-size: 27px; line-height: 1.2; margin: 0 0 20px }
h2 { font-size: 19px; margin: 30px 0 10px }
.cards { display: grid; grid-template-columns: repeat(auto-fit, minmax(260px, 1fr)); gap: 16px }
.card { background: var(--card); border-radius: 10px; padding: 14px 18px; border-top: 5px solid var(--bad) }
.card.good { border-top-color: var(--good) }
.card h2 { margin: 0; font-size: 18px }
.card p { margin: 0 }
.card .big { font-size: 52px; font-weight: 700; line-height: 1.1; color: var(--bad) }
.card.good .big { color: var(--good) }
.card .what { font-weight: 600; margin-bottom: 8px }
.card .policy { font-size: 13px; color: var(--soft); margin-top: 6px }
.legend { list-style: none; display: flex; flex-wrap: wrap; gap: 6px 18px; padding: 0; margin: 0 0 10px; font-size: 14px }
.legend li { display: flex; align-items: center; gap: 6px }

figure { margin: 0 0 14px; padding: 12px 16px 6px; border: 1px solid var(--line); border-radius: 10px; overflow-x: auto }
figcaption { font-weight: 600; margin-bottom: 6px }
.order { color: var(--soft); font-weight: 400; font-size: 13px; margin-left: 6px }
figure svg { width: 100%; min-width: 720px; display: block }
.legend svg { width: 18px; min-width: 18px; height: 18px }
figure .legend { margin: 8px 0 6px }
svg text { font: 600 14px system-ui, sans-serif; fill: var(--text) }
.grid { stroke: var(--line); stroke-dasharray: 2 4 }
svg .tick { font-size: 12px; font-weight: 400; fill: var(--soft); text-anchor: middle }
.life { stroke: var(--soft); stroke-width: 2 }
svg .verdict.good { fill: var(--good) } svg .verdict.bad { fill: var(--bad) }
g text { text-anchor: middle } g:not(.coin) > text { fill: var(--ink); font-size: 14px }
.answered rect { fill: var(--answered) } .refused rect { fill: var(--refused) } .failed rect { fill: var(--failed) }
.lost rect { fill: var(--lost) } .abandoned rect { fill: var(--abandoned) } .unreachable rect { fill: var(--unreachable) }
svg .count { font-size: 11px; font-weight: 400; text-anchor: middle }
svg .more { font-size: 13px; font-weight: 400; fill: var(--soft) }
.down { fill: var(--down) } .down.half { fill-opacity: .55 }
svg .band > text { font-size: 13px }
.closed rect { fill: var(--answered) } .open rect { fill: var(--lost) } .half-open rect { fill: var(--refused) }
.coin circle { fill: var(--coin); stroke: #7a5c00; stroke-width: 1 }
.coin text { font-size: 10px; fill: #3a2c00 }
.coin.again circle { fill: #ff5a4f; stroke: #7d0f08 } .coin.again text { fill: #fff }
.scroll { overflow-x: auto }
table { border-collapse: collapse; min-width: 600px; width: 100% }
caption { text-align: left; color: var(--soft); font-size: 14px; padding-bottom: 4px }
th, td { padding: 6px 10px; border-bottom: 1px solid var(--line); text-align: right; font-variant-numeric: tabular-nums }
th[scope=row] { text-align: left; font-weight: 400 }
td:last-child { font-weight: 600 }
.words { padding-left: 20px } .words li { margin-bottom: 6px }
.note { color: var(--soft); font-size: 14px }
`
