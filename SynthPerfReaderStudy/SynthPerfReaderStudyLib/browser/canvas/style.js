// How the canvas looks: black, quiet, letters that stay readable on any image.

export const STYLE = `
.seat { display: flex; flex-direction: column; width: 100%; height: 100%; min-height: 0; background: #000; color: #e8e8e8;
  font: clamp(13px, 1.2vh, 24px)/1.35 system-ui, sans-serif; outline: none; user-select: none; }
.seat:focus-visible { box-shadow: inset 0 0 0 2px #5aa9e6; }
.seat [hidden] { display: none !important; }
.seat-stage { position: relative; flex: 1 1 0; min-height: 0; overflow: hidden; }
.seat-picture { position: absolute; inset: 0; width: 100%; height: 100%; }
.seat-views { position: absolute; inset: 0; display: grid; touch-action: none; }
.seat-view { position: relative; overflow: hidden; min-width: 0; min-height: 0; box-shadow: inset 0 0 0 1px #333; cursor: crosshair; }
.seat-one .seat-view { grid-area: 1 / 1 / -1 / -1 !important; }
.seat-away { display: none; }
.seat-view[data-tool="erase"] { cursor: cell; }
.seat-ink { position: absolute; inset: 0; width: 100%; height: 100%; fill: none; stroke-width: 2px; stroke-linecap: square; }
.seat-ink path { vector-effect: non-scaling-stroke; }
.seat-ink .seat-halo { stroke: rgb(0 0 0 / 0.75); stroke-width: 4px; }
.seat-ink text { font-weight: 600; paint-order: stroke; stroke: rgb(0 0 0 / 0.75); stroke-width: 4px; }
.seat-label, .seat-place, .seat-mark, .seat-bar { position: absolute; pointer-events: none;
  text-shadow: 0 0 3px #000, 0 0 3px #000, 0 0 2px #000; color: #f2f2f2; }
.seat-label { top: 4px; left: 8px; right: 3.2em; font-weight: 600; white-space: nowrap; overflow: hidden; text-overflow: ellipsis; }
.seat-place { bottom: 4px; left: 8px; white-space: pre; font-variant-numeric: tabular-nums; }
.seat-mark { font-weight: 600; }
.seat-mark[data-side="left"] { left: 8px; top: 50%; translate: 0 -50%; }
.seat-mark[data-side="right"] { right: 8px; top: 50%; translate: 0 -50%; }
.seat-view:has(.seat-bar:not([hidden])) .seat-mark[data-side="right"] { right: 4.6em; }
.seat-mark[data-side="top"] { top: 1.7em; left: 50%; translate: -50% 0; }
.seat-mark[data-side="bottom"] { bottom: 4px; left: 50%; translate: -50% 0; }
.seat-bar { top: 2.4em; bottom: 3.5em; right: 8px; display: flex; gap: 4px; }
.seat-bar canvas { width: 0.9em; height: 100%; outline: 1px solid #999; image-rendering: pixelated; }
.seat-bar ol { position: relative; list-style: none; margin: 0; padding: 0; width: 2.9em; font-variant-numeric: tabular-nums; }
.seat-bar li { position: absolute; right: 0; translate: 0 50%; white-space: nowrap; }
.seat-bar li::after { content: ""; display: inline-block; width: 4px; margin-left: 3px; vertical-align: middle; border-top: 1px solid #ddd; }
.seat-unit { position: absolute; top: 100%; right: 0; margin-top: 0.7em; width: max-content; max-width: 8.2em; line-height: 1.15; text-align: right; }
.seat-dot { position: absolute; top: -4px; left: -4px; width: 8px; height: 8px; border: 1.5px solid #ffd54a; border-radius: 50%;
  box-shadow: 0 0 2px #000; pointer-events: none; }
.seat-message { position: absolute; inset: 35% 10% auto; text-align: center; animation: seat-appear 0s 0.2s both; }
@keyframes seat-appear { from { opacity: 0; } }
.seat-large { position: absolute; top: 2px; right: 4px; opacity: 0; }
.seat-large svg { width: 1em; height: 1em; fill: none; stroke: currentColor; stroke-width: 2; vertical-align: -0.1em; }
.seat-view:hover .seat-large, .seat-large:focus-visible { opacity: 1; }
.seat-curtain { position: absolute; inset: 0; display: grid; place-content: center; padding: 10%; text-align: center; background: #000; }
.seat button { background: #26292d; color: #f0f0f0; border: 1px solid #55595f; border-radius: 4px; padding: 0.25em 0.7em;
  font: inherit; cursor: pointer; }
.seat button:hover:enabled { background: #363b41; }
.seat button:disabled { color: #8b9096; border-color: #3a3d41; cursor: not-allowed; }
.seat button[aria-pressed="true"] { background: #5aa9e6; border-color: #5aa9e6; color: #000; }
.seat button:focus-visible, .seat input:focus-visible { outline: 2px solid #5aa9e6; outline-offset: 1px; }
.seat-words { min-height: 1.7em; padding: 2px 8px; background: #16181a; color: #ffd54a; }
.seat-tools { display: flex; flex-wrap: wrap; align-items: center; gap: 6px; padding: 6px 8px; background: #16181a; }
.seat-tools input[type="range"] { width: 7em; accent-color: #5aa9e6; }
.seat-tools label { display: flex; align-items: center; gap: 6px; }
.seat-gap { flex: 1; }
.seat-research { color: #c8c8c8; font-weight: 600; }
`;
