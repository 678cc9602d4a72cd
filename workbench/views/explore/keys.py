"""Keys for the controls of explorers: JupyterLab would take the arrows from a list, letters from a slider."""

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
function initialize() {
  if (window.workbenchKeys) return;
  window.workbenchKeys = true;
  window.addEventListener('keydown', keep, true);
}
export default { initialize };
"""


class OwnKeys(anywidget.AnyWidget):
    """Shows nothing; keys pressed inside an explorer go to its control alone.

    Example:
        >>> MARK in OwnKeys()._esm
        True
    """

    _esm = _LISTEN % MARK
