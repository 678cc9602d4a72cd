// The board of the review explorer. Python sends which rows are to be seen, and each row once, as escaped HTML: with the
// rows that it is new among, or when a page that is loaded anew wants it. Every act goes back as a message.
const STYLE = `
.wb-board{font:13px/1.4 var(--jp-ui-font-family,sans-serif);color:var(--jp-ui-font-color1,#222);outline:none;
  border:1px solid var(--jp-border-color2,#bbb);border-radius:4px}
.wb-board:focus-within{border-color:var(--jp-brand-color1,#0B57D0);box-shadow:0 0 0 1px var(--jp-brand-color1,#0B57D0)}
.wb-board .ask,.wb-board .against,.wb-board .chosen,.wb-board .head{display:flex;flex-wrap:wrap;gap:6px 10px;align-items:center}
.wb-board .against{padding:4px 8px;border-left:4px solid #B3261E}
.wb-board .ask,.wb-board .chosen{padding:8px;border-bottom:1px solid var(--jp-border-color2,#bbb);
  background:var(--jp-layout-color2,#f5f5f5)}
.wb-board .pair{display:flex;gap:10px;flex:1 1 240px;align-items:center;min-width:0}
.wb-board .rows{max-height:520px;overflow-y:auto;overscroll-behavior:contain}
.wb-board .row{padding:6px 8px;border-bottom:1px solid var(--jp-border-color3,#ddd)}
.wb-board .row.over{background:var(--jp-layout-color3,#cfe0fc)}
.wb-board .facts{flex:1 1 200px}
.wb-board .items{display:flex;flex-wrap:wrap;gap:2px;margin-top:4px}
.wb-board .item{border:2px solid transparent;border-radius:3px;cursor:pointer;user-select:none;overflow:hidden;
  max-width:100%;box-sizing:border-box}
.wb-board .item:hover{border-color:var(--jp-border-color1,#888)}
.wb-board .item[aria-selected=true]{border-color:var(--jp-brand-color1,#0B57D0);background:var(--jp-layout-color3,#cfe0fc)}
.wb-board .text{display:block;padding:1px 4px;white-space:nowrap;overflow:hidden;text-overflow:ellipsis}
.wb-board .texts .item{width:100%}
.wb-board .pair .seen{min-width:0}
.wb-board .images .item[data-wanted]{width:56px;height:56px}
.wb-board .pair .text{flex:1;min-width:0;white-space:normal;display:-webkit-box;-webkit-box-orient:vertical;
  -webkit-line-clamp:4}
.wb-board button,.wb-board input{font:inherit;color:inherit;background:var(--jp-layout-color1,#fff);height:24px;
  border:1px solid var(--jp-border-color1,#888);border-radius:3px;padding:0 8px;margin:0;box-sizing:border-box}
.wb-board button{cursor:pointer}
.wb-board button:hover{background:var(--jp-layout-color3,#e4e4e4)}
.wb-board input{width:120px;cursor:text}
.wb-board img{display:block;width:auto!important}
.wb-board .item img,.wb-board .against img{height:56px!important}
.wb-board .pair img{height:88px!important}
.wb-board .item>span:not(.text){margin:0!important;display:block!important}`;
const KEYS = { y: 'yes', n: 'no', ' ': 'pass', u: 'undo' };

function made(tag, className, html = '') {
  const element = document.createElement(tag);
  element.className = className;
  element.innerHTML = html;
  return element;
}

function render({ model, el }) {
  const seen = new Map(); // row -> its HTML
  let drawn = new Map(); // what a cluster's row says -> the row; one that stays is not touched, nor painted anew
  let last = null; // the item that was clicked last
  const board = made('div', 'wb-board');
  board.tabIndex = 0;
  board.setAttribute('role', 'application');
  board.setAttribute('aria-label', 'Review: Y same, N different, space not sure, U undo');
  const [ask, refused, chosen, rows] = ['ask', 'refused', 'chosen', 'rows'].map((name) => made('div', name));
  board.append(ask, refused, chosen, rows);
  const style = document.createElement('style');
  style.textContent = STYLE;
  el.append(style, board);

  const many = made('b', '');
  const label = field('', 'label', 'label of the selected rows');
  label.onchange = () => {
    if (label.value.trim()) act('label', { name: label.value });
    label.value = '';
  };
  chosen.append(many, label, button('clear', 'Select nothing', () => select([])));

  function act(kind, extra = {}) {
    model.send({ kind, ...extra });
    board.focus({ preventScroll: true }); // the next key is for the board, wherever this one was
  }
  function button(text, title, whenPressed) {
    const pressed = made('button', '');
    pressed.textContent = text;
    pressed.title = title;
    pressed.onclick = whenPressed;
    return pressed;
  }
  function field(value, hint, say) {
    const input = made('input', '');
    input.value = value;
    input.placeholder = hint;
    input.setAttribute('aria-label', say);
    // Enter: "change" now, whoever else takes the key; the next one is for the board.
    input.onkeydown = (event) => event.key === 'Enter' && board.focus({ preventScroll: true });
    return input;
  }
  function select(chosenRows) {
    model.set('selection', chosenRows);
    model.save_changes();
  }
  function pick(event, row) {
    const shown = [...rows.querySelectorAll('.item')].map((cell) => +cell.dataset.row);
    const picked = new Set(model.get('selection'));
    if (event.shiftKey && shown.includes(last)) {
      const [from, to] = [shown.indexOf(last), shown.indexOf(row)].sort((a, b) => a - b);
      shown.slice(from, to + 1).forEach((other) => picked.add(other));
    } else if (!picked.delete(row)) picked.add(row);
    last = row;
    select([...picked]);
  }
  function viewOf(row, className) {
    const view = made('div', className, seen.get(row) ?? '');
    if (!seen.has(row)) view.dataset.wanted = row;
    return view;
  }
  function askForItems() {
    const wanted = [...board.querySelectorAll('[data-wanted]')].map((view) => +view.dataset.wanted);
    if (wanted.length) model.send({ kind: 'want', rows: [...new Set(wanted)] });
  }
  function take({ items }) {
    Object.entries(items).forEach(([row, html]) => seen.set(+row, html));
    board.querySelectorAll('[data-wanted]').forEach((view) => {
      const html = seen.get(+view.dataset.wanted);
      if (html === undefined) return;
      view.innerHTML = html;
      delete view.dataset.wanted;
    });
  }
  function itemOf(row, cells) {
    if (cells.has(row)) return cells.get(row); // a picture that stays is not read anew
    const cell = viewOf(row, 'item');
    cell.dataset.row = row;
    cell.draggable = true;
    cell.onclick = (event) => pick(event, row);
    cell.ondragstart = (event) => {
      event.dataTransfer.setData('text/plain', row); // Firefox drags nothing that carries nothing
      if (!model.get('selection').includes(row)) select([row]);
    };
    return cell;
  }
  function headOf(cluster) {
    const id = { cluster: cluster.cluster };
    const name = field(cluster.name, 'name', `name of cluster ${cluster.cluster}`);
    name.onchange = () => (name.value.trim() ? act('name', { ...id, name: name.value }) : (name.value = cluster.name));
    const head = made('div', 'head');
    head.append(
      made('span', 'facts', cluster.head), name,
      cluster.confirmed
        ? button('open again', 'Take the confirmation back', () => act('reopen', id))
        : button('confirm', 'These rows are one class, whatever comes', () => act('confirm', id)),
      button('split', 'The selected rows off, or without any where it is weakest', () => act('split', id)),
      button('move here', 'The selected rows', () => act('move', id)),
      button('merge', 'With the clusters of the selected rows', () => act('merge', id)),
    );
    return head;
  }
  function rowOf(cluster, cells) {
    const row = made('div', 'row');
    row.dataset.cluster = cluster.cluster;
    const items = made('div', `items ${model.get('shown').kind}`);
    items.append(...cluster.items.map((item) => itemOf(item, cells)));
    row.append(headOf(cluster), items);
    row.ondragover = (event) => { event.preventDefault(); row.classList.add('over'); };
    row.ondragleave = (event) => row.contains(event.relatedTarget) || row.classList.remove('over');
    row.ondrop = (event) => { event.preventDefault(); act('move', { cluster: cluster.cluster }); };
    return row;
  }
  function earlierOf({ step, said, items }) {
    const earlier = made('div', 'against');
    const words = made('span', '');
    words.textContent = `You said before: ${said}`;
    earlier.append(words, ...items.map((row) => viewOf(row, '')), button('take that back', 'This step only', () => act('undo', { step })));
    return earlier;
  }
  function draw() {
    const { pair: two, against, clusters, map } = model.get('shown');
    refused.replaceChildren(...against.map(earlierOf));
    const pair = made('div', 'pair', `<span>${two.length ? 'One class?' : 'No question is worth asking.'}</span>`);
    pair.append(...two.map((row) => viewOf(row, 'seen')));
    ask.replaceChildren(
      pair, button('same (Y)', '', () => act('yes')), button('different (N)', '', () => act('no')),
      button('not sure (space)', '', () => act('pass')), button('undo (U)', 'The last step', () => act('undo')),
    );
    const height = rows.scrollTop;
    const cells = new Map([...rows.querySelectorAll('.item')].map((cell) => [+cell.dataset.row, cell]));
    const found = clusters.map((cluster) => [JSON.stringify(cluster), cluster]);
    const now = new Map(found.map(([said, cluster]) => [said, drawn.get(said) ?? rowOf(cluster, cells)]));
    drawn.forEach((row, said) => now.has(said) || row.remove());
    [...now.values()].forEach((row, i) => rows.children[i] === row || rows.insertBefore(row, rows.children[i] ?? null));
    drawn = now;
    rows.scrollTop = height;
    mark();
    askForItems();
    if (map) requestAnimationFrame(() => setTimeout(() => model.send({ kind: 'drawn' }))); // and painted
  }
  function mark() {
    const picked = new Set(model.get('selection'));
    rows.querySelectorAll('.item').forEach((cell) => cell.setAttribute('aria-selected', picked.has(+cell.dataset.row)));
    many.textContent = `${picked.size.toLocaleString()} selected`;
    chosen.style.display = picked.size ? '' : 'none';
  }
  board.addEventListener('keydown', (event) => {
    if (event.target.tagName === 'INPUT' || event.ctrlKey || event.metaKey || event.altKey) return;
    if (event.target.tagName === 'BUTTON' && event.key === ' ') return;
    const kind = KEYS[event.key.toLowerCase()];
    if (!kind) return;
    event.preventDefault();
    act(kind);
  });
  model.on('msg:custom', take);
  model.on('change:shown', draw);
  model.on('change:selection', mark);
  draw();
}
export default { render };
