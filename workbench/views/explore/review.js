// The board of the review explorer. Python sends what is to be seen as escaped HTML; every act goes back as `act`.
const STYLE = `
.wb-board{outline:none;font:13px/1.4 sans-serif}
.wb-board:focus{box-shadow:0 0 0 2px #0B57D0}
.wb-board .ask{display:flex;gap:12px;align-items:center;padding:8px;border-bottom:1px solid #80868B55}
.wb-board .row{padding:6px;border-bottom:1px solid #80868B33}
.wb-board .row.over{background:#0B57D022}
.wb-board .items{display:flex;flex-wrap:wrap;gap:3px}
.wb-board .item{border:2px solid transparent;border-radius:3px;cursor:pointer;max-width:240px;overflow:hidden}
.wb-board .item[aria-selected=true]{border-color:#0B57D0}
.wb-board button{margin:0 4px 2px 0}`;

function render({ model, el }) {
  let count = 0;
  let last = null;
  const board = document.createElement('div');
  board.className = 'wb-board';
  board.tabIndex = 0;
  board.setAttribute('role', 'application');
  board.setAttribute('aria-label', 'Review: Y same, N different, space not sure, U undo');
  const style = document.createElement('style');
  style.textContent = STYLE;
  el.append(style, board);

  function act(kind, extra = {}) {
    count += 1;
    model.set('act', { kind, count, ...extra });
    model.save_changes();
  }
  function button(text, kind, extra, title = '') {
    const made = document.createElement('button');
    made.textContent = text;
    made.title = title;
    made.onclick = () => { act(kind, typeof extra === 'function' ? extra() : extra); board.focus(); };
    return made;
  }
  function select(rows) {
    model.set('selection', rows);
    model.save_changes();
  }
  function pick(event, row) {
    const shown = model.get('clusters').flatMap((cluster) => cluster.items.map((item) => item.row));
    const chosen = new Set(model.get('selection'));
    if (event.shiftKey && last !== null) {
      const ends = [shown.indexOf(last), shown.indexOf(row)].sort((a, b) => a - b);
      shown.slice(ends[0], ends[1] + 1).forEach((other) => chosen.add(other));
    } else if (!chosen.delete(row)) chosen.add(row);
    last = row;
    select([...chosen]);
  }
  function itemOf(item, chosen) {
    const cell = document.createElement('div');
    cell.className = 'item';
    cell.dataset.row = item.row;
    cell.draggable = true;
    cell.setAttribute('aria-selected', chosen.has(item.row));
    cell.innerHTML = item.html;
    cell.onclick = (event) => pick(event, item.row);
    cell.ondragstart = () => { if (!model.get('selection').includes(item.row)) select([item.row]); };
    return cell;
  }
  function rowOf(cluster, chosen) {
    const row = document.createElement('div');
    row.className = 'row';
    row.dataset.cluster = cluster.cluster;
    const id = { cluster: cluster.cluster };
    const head = document.createElement('div');
    head.innerHTML = cluster.head;
    const name = document.createElement('input');
    name.value = cluster.name;
    name.placeholder = 'name';
    name.setAttribute('aria-label', `name of cluster ${cluster.cluster}`);
    name.onchange = () => act('name', { ...id, name: name.value });
    head.append(' ', button('right', 'confirm', id, 'these rows are one class'), button('split', 'split', id),
      button('move here', 'move', id, 'the selected rows'), button('merge', 'merge', id, 'with those of the selected rows'), name);
    const items = document.createElement('div');
    items.className = 'items';
    items.append(...cluster.items.map((item) => itemOf(item, chosen)));
    row.append(head, items);
    row.ondragover = (event) => { event.preventDefault(); row.classList.add('over'); };
    row.ondragleave = () => row.classList.remove('over');
    row.ondrop = (event) => { event.preventDefault(); act('move', id); };
    return row;
  }
  function draw() {
    const chosen = new Set(model.get('selection'));
    const ask = document.createElement('div');
    ask.className = 'ask';
    ask.innerHTML = model.get('question');
    ask.append(button('same (Y)', 'yes'), button('different (N)', 'no'), button('not sure (space)', 'pass'),
      button('undo (U)', 'undo'));
    board.replaceChildren(ask, ...model.get('clusters').map((cluster) => rowOf(cluster, chosen)));
  }
  function mark() {
    const chosen = new Set(model.get('selection'));
    board.querySelectorAll('.item').forEach((cell) => cell.setAttribute('aria-selected', chosen.has(+cell.dataset.row)));
  }
  board.addEventListener('keydown', (event) => {
    if (event.target.tagName === 'INPUT' || event.ctrlKey || event.metaKey || event.altKey) return;
    if (event.target.tagName === 'BUTTON' && event.key === ' ') return;
    const kind = { y: 'yes', n: 'no', ' ': 'pass', u: 'undo' }[event.key.toLowerCase()];
    if (!kind) return;
    event.preventDefault();
    act(kind);
  });
  model.on('change:clusters', draw);
  model.on('change:question', draw);
  model.on('change:selection', mark);
  draw();
}
export default { render };
