/**
 * The style sheet of the run view. It travels inside the script, because the widget has no other way to bring one; every
 * colour and font is JupyterLab's variable, with a fallback for pages that have none.
 */

// Middle tones that read on a light and on a dark ground; the second row is for dark themes.
const LIGHT = ['#3b3f46', '#c4302b', '#1a7f37', '#946200', '#1f6fc5', '#a33ea1', '#0f7f86', '#6e7781'];
const DARK = ['#8b949e', '#ff7b72', '#56d364', '#e3b341', '#6cb6ff', '#dc8cdc', '#56d4dd', '#d0d7de'];

function terminalColours(): string {
  const variables = (colours: string[]) => colours.map((colour, i) => `--gpurun-ansi-${i}:${colour};`).join('');
  const classes = LIGHT.map(
    (_, i) =>
      `.gpurun-fg${i},.gpurun-fg${i + 8}{color:var(--gpurun-ansi-${i})}` +
      `.gpurun-bg${i},.gpurun-bg${i + 8}{background:color-mix(in srgb,var(--gpurun-ansi-${i}) 35%,transparent)}`
  ).join('');
  return (
    `.gpurun-view,.gpurun-lines{${variables(LIGHT)}}` +
    `[data-jp-theme-light="false"] :is(.gpurun-view,.gpurun-lines),.vscode-dark .gpurun-view{${variables(DARK)}}` +
    classes +
    ':is(.gpurun-view,.gpurun-lines) .gpurun-fg8{color:var(--gpurun-muted)}'
  );
}

const SHEET = `
.gpurun-view,.gpurun-lines{
  --gpurun-text:var(--jp-ui-font-color1,#212121);--gpurun-muted:var(--jp-ui-font-color2,#616161);
  --gpurun-edge:var(--jp-border-color2,#e0e0e0);--gpurun-ground:var(--jp-layout-color2,#eee);
  --gpurun-brand:var(--jp-brand-color1,#1976d2);--gpurun-good:var(--jp-success-color1,#388e3c);
  --gpurun-bad:var(--jp-error-color1,#d32f2f);--gpurun-warn:var(--jp-warn-color1,#e65100)}
.gpurun-view{
  position:relative;box-sizing:border-box;padding:4px 0;color:var(--gpurun-text);
  font-family:var(--jp-ui-font-family,system-ui,sans-serif);font-size:var(--jp-ui-font-size1,13px);line-height:20px}
.gpurun-view *,.gpurun-view *::before{box-sizing:border-box}
:is(.gpurun-view,.gpurun-lines) [hidden]{display:none!important}
.gpurun-head{display:flex;align-items:flex-start;gap:6px;min-height:24px;padding:2px 0}
.gpurun-glyph{flex:none;width:16px;height:16px;margin:2px 0;color:var(--gpurun-muted,var(--jp-ui-font-color2))}
.gpurun-line{fill:none;stroke:currentColor;stroke-width:1.6;stroke-linecap:round;stroke-linejoin:round}
.gpurun-filled{fill:currentColor}
.gpurun-glyph-running,.gpurun-glyph-starting{color:var(--gpurun-brand,var(--jp-brand-color1))}
.gpurun-glyph-succeeded{color:var(--gpurun-good,var(--jp-success-color1))}
.gpurun-glyph-failed,.gpurun-glyph-timed_out{color:var(--gpurun-bad,var(--jp-error-color1))}
.gpurun-glyph-lost{color:var(--gpurun-warn,var(--jp-warn-color1))}
.gpurun-words{flex:1 1 auto;min-width:0;overflow-wrap:anywhere}
.gpurun-name{font-weight:600;margin-right:4px}
.gpurun-sentence{color:var(--gpurun-muted);font-variant-numeric:tabular-nums}
.gpurun-link{color:var(--gpurun-text);font-style:italic}
.gpurun-link::before{content:' · ';color:var(--gpurun-muted)}
.gpurun-buttons{display:flex;flex:none;gap:2px;margin:-2px 0}
.gpurun-button{display:inline-flex;align-items:center;gap:4px;height:24px;padding:0 6px;border:0;border-radius:var(--jp-border-radius,2px);
  background:none;color:var(--gpurun-muted);font:inherit;cursor:pointer}
.gpurun-button:hover{background:var(--gpurun-ground);color:var(--gpurun-text)}
.gpurun-button:focus-visible,.gpurun-log:focus-visible{outline:1px solid var(--gpurun-brand);outline-offset:-1px}
.gpurun-button .gpurun-glyph{margin:0;color:inherit}
.gpurun-bars{display:grid;grid-template-columns:var(--gpurun-labels,0) minmax(40px,24em) auto;align-content:start;column-gap:8px;justify-content:start;
  padding-left:22px;color:var(--gpurun-muted);font-variant-numeric:tabular-nums}
.gpurun-bar{display:contents}
.gpurun-bar-label{overflow:hidden;text-overflow:ellipsis;white-space:nowrap;color:var(--gpurun-text)}
.gpurun-bar-count{white-space:nowrap}
.gpurun-track{align-self:center;height:8px;overflow:hidden;border-radius:4px;background:var(--jp-layout-color3,#e0e0e0)}
.gpurun-fill{height:100%;border-radius:4px;background:var(--gpurun-bar,var(--gpurun-brand));transition:width .2s linear}
.gpurun-track.gpurun-endless .gpurun-fill{width:100%!important;border-radius:0;opacity:.55;
  background:repeating-linear-gradient(135deg,var(--gpurun-bar,var(--gpurun-brand)) 0 4px,transparent 4px 8px)}
.gpurun-over{--gpurun-bar:var(--gpurun-muted)}
.gpurun-numbers{display:flex;flex-wrap:wrap;column-gap:16px;padding-left:22px;font-variant-numeric:tabular-nums}
.gpurun-metric{display:inline-flex;align-items:center}
.gpurun-metric-value{text-align:right}
.gpurun-curve{width:56px;height:14px;margin-left:6px;overflow:visible}
.gpurun-metric-change{margin-left:4px;color:var(--gpurun-muted)}
.gpurun-compared{color:var(--gpurun-muted)}
.gpurun-curve path{fill:none;stroke:var(--gpurun-brand);stroke-width:1.2;stroke-linejoin:round}
.gpurun-curve path.gpurun-ghost{stroke:var(--gpurun-muted);opacity:.65;stroke-dasharray:2 1.5}
.gpurun-usage{margin-left:auto;color:var(--gpurun-muted);text-align:right}
.gpurun-checkpoint{padding-left:22px;color:var(--gpurun-muted);overflow-wrap:anywhere}
.gpurun-said{position:absolute;width:1px;height:1px;overflow:hidden;clip-path:inset(50%);white-space:nowrap}
.gpurun-metric-name{margin-right:6px;color:var(--gpurun-muted)}
.gpurun-log-frame{display:flex;flex-direction:column;min-height:0;margin-top:4px;border:1px solid var(--gpurun-edge);border-radius:var(--jp-border-radius,2px);
  background:var(--jp-layout-color0,#fff)}
.gpurun-log{position:relative;overflow:auto;overflow-anchor:none;flex:1 1 auto;min-height:0;margin:4px 0;
  font-family:var(--jp-code-font-family,ui-monospace,Menlo,Consolas,monospace);font-size:var(--jp-code-font-size,13px);line-height:1.3077}
.gpurun-log-mark{position:absolute;left:0;width:100%;min-width:max-content;background:color-mix(in srgb,var(--gpurun-warn) 22%,transparent);box-shadow:inset 3px 0 var(--gpurun-warn)}
.gpurun-log-lines{position:absolute;left:0;top:0}
:is(.gpurun-log-lines,.gpurun-sheet-text){width:max-content;margin:0;padding:0 8px;border:0;background:none;white-space:pre;overflow:visible;
  tab-size:8;color:var(--jp-content-font-color1,#212121);font:inherit}
.gpurun-log-foot{display:flex;align-items:center;justify-content:space-between;flex:none;min-height:22px;padding:0 8px;border-top:1px solid var(--gpurun-edge);
  color:var(--gpurun-muted);font-size:var(--jp-ui-font-size0,11px);font-variant-numeric:tabular-nums}
.gpurun-log-foot .gpurun-button{height:20px}
.gpurun-log-count{margin-right:auto}
.gpurun-log-foot .gpurun-log-whole{color:var(--jp-content-link-color,#1976d2);text-decoration:underline}
.gpurun-sgr-bold{font-weight:bold}.gpurun-sgr-dim{opacity:.7}.gpurun-sgr-italic{font-style:italic}.gpurun-sgr-underline{text-decoration:underline}
.gpurun-sgr-inverse{background:var(--gpurun-ground);outline:1px solid var(--gpurun-edge)}
@media (prefers-reduced-motion:reduce){.gpurun-fill{transition:none}}
${terminalColours()}`;

const MARK = 'data-gpurun-run-view';

/** Make the style sheet part of the page (or shadow tree) that `node` is in; twice is once. */
export function addStylesheet(node: Node): void {
  const root = node.getRootNode();
  const host = root instanceof ShadowRoot ? root : document.head;
  if (!host.querySelector(`style[${MARK}]`)) {
    const style = document.createElement('style');
    style.setAttribute(MARK, '');
    style.textContent = SHEET;
    host.append(style);
  }
}
