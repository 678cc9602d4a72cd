"""What the browser does for explorers: keys, names of controls, a ring on what has the focus, rows that wrap."""

from __future__ import annotations

import anywidget

MARK = "workbench-explorer"  # class of what the keys are kept for

# One listener per page. JupyterLab leaves an element alone that has the attribute. With Ctrl, Alt or Meta, with Escape
# and with Shift+Enter, which runs the cell, its commands work as everywhere.
_LISTEN = """
function keep(event) {
  if (!event.target.closest?.('.%s')) return;
  const other = event.ctrlKey || event.altKey || event.metaKey || event.key === 'Escape'
    || (event.shiftKey && event.key === 'Enter');
  event.target.toggleAttribute('data-lm-suppress-shortcuts', !other);
}
const names = {
  'fa-play': 'Play', 'fa-pause': 'Pause', 'fa-stop': 'Stop', 'fa-repeat': 'Repeat', 'fa-retweet': 'Repeat',
};
// ipywidgets names neither the buttons of Play nor the handle of a slider nor a list without a label.
function tell() {
  for (const button of document.querySelectorAll('.%s .widget-play button')) {
    const icon = Object.keys(names).find(name => button.querySelector('.' + name));
    if (icon && button.getAttribute('aria-label') !== names[icon]) {
      button.setAttribute('aria-label', names[icon]);
      button.title = names[icon];
    }
  }
  for (const one of document.querySelectorAll('.%s :is([role=slider], select, .widget-readout):not([aria-label])')) {
    const box = one.closest('.jupyter-widgets'), label = box?.querySelector('.widget-label');
    const said = label?.textContent.trim() || box?.title || one.title;
    if (said) one.setAttribute('aria-label', said);
  }
  for (const pane of document.querySelectorAll('.%s .widget-html:not([tabindex])')) {
    const more = pane.scrollHeight > pane.clientHeight + 1 && getComputedStyle(pane).overflowY === 'auto';
    if (more) pane.tabIndex = 0; // so that keys can scroll it
  }
}
let soon = 0;
function initialize() {
  if (window.workbenchKeys) return;
  window.workbenchKeys = true;
  window.addEventListener('keydown', keep, true);
  new MutationObserver(() => {
    soon ||= setTimeout(() => { soon = 0; tell(); }, 400); // seldom: it measures, and a page that loads is busy
  }).observe(document.body, { childList: true, subtree: true });
  tell();
}
export default { initialize };
"""


_STYLE = """
.NAME{max-width:100%;container-type:inline-size}
.NAME .widget-vbox>.widget-html{margin-left:0;margin-right:0}
@container (max-width:680px){.NAME :is(td,th){padding:2px 3px!important;font-size:12px;white-space:normal!important}}
.NAME :is(.widget-hbox,.jupyter-widget-hbox){flex-wrap:wrap;row-gap:2px}
.NAME :is(.widget-hbox,.widget-vbox,.widget-html,.widget-select,.widget-toggle-buttons,.widget-slider){max-width:100%}
.NAME.NAME.NAME :is(button,input,select,a,summary,[tabindex],[contenteditable]):focus-visible,
.NAME.NAME.NAME .noUi-handle:focus{outline:3px solid #0072b2!important;outline-offset:2px}
"""


class OwnKeys(anywidget.AnyWidget):
    """Shows nothing. Keys pressed inside an explorer go to its control alone; controls have names and a ring when they
    have the focus; rows wrap where the window is narrow.

    Example:
        >>> MARK in OwnKeys()._esm
        True
    """

    _esm = _LISTEN.replace("%s", MARK)
    _css = _STYLE.replace("NAME", MARK)
