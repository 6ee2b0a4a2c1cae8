/** How pages look: light or dark as the reader has it, one column on a phone. */
import { type Markup, markup } from "./markup.ts";

/** The style sheet of every page. */
export const STYLE: Markup = markup`<style>
:root { color-scheme: light dark; --ink: #1b2130; --soft: #5a6272; --line: #dde1e8; --page: #fff; --box: #f5f7fa;
  --s0: #1f5fbf; --s1: #b4530a; --s2: #0b7a4b; --s3: #7a3fc4; --pale: #7c8596; --warn: #fff4e0; --edge: #b4530a }
@media (prefers-color-scheme: dark) { :root { --ink: #e6e9ef; --soft: #a3abba; --line: #323a48; --page: #13171e; --box: #1b212b;
  --s0: #7db2f5; --s1: #f2a65a; --s2: #52cb92; --s3: #bd9df5; --pale: #8b94a5; --warn: #2d2417; --edge: #f2a65a } }
* { box-sizing: border-box }
body { font: 16px/1.55 system-ui, -apple-system, "Segoe UI", Roboto, sans-serif; color: var(--ink); background: var(--page);
  max-width: 72rem; margin: 0 auto; padding: 2rem 1rem 4rem; overflow-wrap: anywhere }
h1 { font-size: 1.9rem; line-height: 1.2; margin: 0 } h2 { font-size: 1.35rem; margin: 3rem 0 .8rem; padding-top: 1rem; border-top: 1px solid var(--line) }
h3, summary { font-size: 1rem; font-weight: 600; margin: 0 } summary { cursor: pointer }
p { margin: .2rem 0 .4rem; max-width: 46rem } .lead { font-size: 1.1rem; color: var(--soft) } .note { color: var(--soft); font-size: .875rem; margin: 0 }
nav { display: flex; flex-wrap: wrap; gap: .2rem 1.2rem } a { color: var(--s0) }
.warnings { background: var(--warn); border-left: 4px solid var(--edge); padding: .6rem 1rem; margin: 1.2rem 0 } .warnings ul { margin: .2rem 0; padding-left: 1.2rem }
.part { display: grid; grid-template-columns: repeat(auto-fill, minmax(min(100%, 20.5rem), 1fr)); gap: 2rem 1.5rem } .wide { grid-column: 1 / -1 }
.part > div { min-width: 0; display: flex; flex-direction: column; gap: .3rem } .part > div > svg { margin-top: auto } .part > details { min-width: 0 }
.figures { display: grid; grid-template-columns: repeat(auto-fit, minmax(max(10rem, 22%), 1fr)); gap: .8rem; margin: 0 }
.figures div { background: var(--box); border-radius: .5rem; padding: .7rem .9rem } .figures dt { color: var(--soft); font-size: .875rem }
.figures dd { margin: 0 } .figures .value { font-size: 1.5rem; font-weight: 600; line-height: 1.3; font-variant-numeric: tabular-nums } .figures .note { margin: 0 }
svg { display: block; overflow: visible } svg:not([width]) { width: 100%; height: auto } svg svg { overflow: hidden }
text { font: 11px system-ui, sans-serif; fill: var(--soft) } .ink { fill: var(--ink) } .end { text-anchor: end } .mid { text-anchor: middle }
.grid { stroke: var(--line); fill: none } .axis, .diagonal { stroke: var(--soft); fill: none } .diagonal { stroke-dasharray: 4 3 }
.s0 { --c: var(--s0) } .s1 { --c: var(--s1) } .s2 { --c: var(--s2) } .s3 { --c: var(--s3) }
.raw { stroke: var(--c); fill: var(--c); stroke-opacity: .3; fill-opacity: .12; stroke-width: 1 } .raw:not([d$="Z"]) { fill: none }
.line { stroke: var(--c); fill: none; stroke-width: 2; stroke-linejoin: round } .line.s1, .key.s1 { stroke-dasharray: 6 3 } .line.s2 { stroke-dasharray: 2 2 }
.interval { stroke: var(--c); stroke-width: 2 } circle { fill: var(--c) }
.legend { display: flex; flex-wrap: wrap; gap: 0 1rem; font-size: .875rem; margin: 0; padding: 0; list-style: none }
.legend svg { display: inline-block; width: 22px; height: 10px; margin-right: .35rem } .key { stroke: var(--c); stroke-width: 2.5; fill: none }
.before { --c: var(--pale) } .after { --c: var(--s0) }
.intervals > div { display: grid; grid-template-columns: minmax(6rem, 12rem) 1fr 10.5rem; gap: 0 1rem; align-items: center; max-width: 60rem }
.intervals svg { height: 30px } .intervals g line { stroke: var(--c); stroke-width: 3; stroke-linecap: round } .mark { stroke: var(--ink); stroke-dasharray: 3 3 } .key.mark { stroke-width: 1.5 }
.numbers { font-variant-numeric: tabular-nums; white-space: nowrap } .numbers i { color: var(--soft); font-style: normal; padding: 0 .4rem } .numbers .before { color: var(--soft) } .numbers .after { font-weight: 600 }
.samples { display: grid; grid-template-columns: repeat(auto-fill, minmax(min(100%, 32rem), 1fr)); gap: 1rem; margin: 0; padding: 0; list-style: none }
.samples li { border: 1px solid var(--line); border-radius: .5rem; padding: .8rem 1rem; min-width: 0 } .samples p { margin: 0 0 .6rem; white-space: pre-wrap }
.samples dl { display: grid; grid-template-columns: 1fr 1fr; gap: .8rem; margin: 0 } .samples dl div { min-width: 0; border-top: 3px solid var(--c); padding-top: .3rem }
.samples dt { color: var(--soft); font-size: .875rem } .samples dd { margin: 0; white-space: pre-wrap } .rest summary { font-weight: normal; font-size: .875rem; color: var(--soft) } .rest[open] summary { margin-bottom: .3rem } .prompt { font-weight: 600 }
.scroll { overflow-x: auto } table { border-collapse: collapse; font-variant-numeric: tabular-nums; font-size: .9375rem }
th, td { text-align: left; vertical-align: top; padding: .25rem 1.2rem .25rem 0; border-bottom: 1px solid var(--line); font-weight: normal } thead th { color: var(--soft) } td { min-width: 4rem } .number { text-align: right; white-space: nowrap }
.forest th, .forest td { white-space: nowrap; text-align: right; padding: 0 .55rem; border: 0; font-size: .8125rem; vertical-align: middle } .forest tbody tr:hover { background: var(--box) }
.forest th:nth-child(2) { text-align: left; position: sticky; left: 0; background: var(--page); max-width: 16rem; overflow: hidden; text-overflow: ellipsis }
.forest .strong, .best th { font-weight: 600 } .forest rect { fill: var(--c); opacity: .5 } .best th { color: var(--c) }
pre { background: var(--box); border-radius: .5rem; padding: .8rem 1rem; margin: .4rem 0; white-space: pre-wrap; font: .875rem/1.5 ui-monospace, SFMono-Regular, Menlo, monospace }
@media (max-width: 40rem) { .forest th:nth-child(2) { max-width: 8.5rem } .forest td, .forest th { padding: 0 .3rem } .forest td:nth-child(3) svg, .forest th:nth-child(3) svg { width: 11rem } .forest th:nth-child(3) text { font-size: 18px } body { padding-top: 1.2rem } h1 { font-size: 1.5rem } .intervals > div { grid-template-columns: 1fr auto; margin-bottom: .5rem } .intervals svg { grid-row: 2; grid-column: 1 / -1 } .samples dl { gap: .6rem } }
@media print { .part { display: block } h2 { break-after: avoid } figure, li { break-inside: avoid } }
</style>`;
