// plotly's code is 5 MB. A page fetches and runs it once, for the first figure that asks, not once for every figure;
// and no figure is given up because that takes long: anywidget grants a figure's own code, which is this, two seconds.

const pages = (globalThis.workbenchPlotly ??= new Map()); // version of plotly -> promise of its module

const named = (model, trait) => model.widget_manager.get_model(model.get(trait).replace("IPY_MODEL_", ""));

async function run(model) {
  const library = await named(model, "_library");
  const address = URL.createObjectURL(new Blob([library.get("code")], { type: "text/javascript" }));
  return import(address).finally(() => URL.revokeObjectURL(address));
}

function plotly(model) {
  const version = model.get("_version");
  if (!pages.has(version)) pages.set(version, run(model));
  return pages.get(version).catch((error) => {
    pages.delete(version); // the next figure tries again
    throw error;
  });
}

// As wide as the kernel asked for, narrower where there is no room. The figure is told as if the kernel had said so, but
// the kernel is not.
function fit(element, model) {
  const wide = model.get("wide");
  if (wide) element.style.width = `min(${wide}px, 100%)`;
  let drawn = false;
  let known = 0;
  const tell = () => {
    if (!drawn || !element.clientWidth || element.clientWidth === known) return;
    known = element.clientWidth;
    model.set("_py2js_relayout", { relayout_data: { width: known }, source_view_id: "fit" });
  };
  document.addEventListener("plotlywidget-after-render", (event) => {
    if (event.detail.element !== element) return;
    drawn = true;
    tell();
  });
  new ResizeObserver(() => requestAnimationFrame(tell)).observe(element);
}

// plotly's own buttons have their names in a place that only its style sheet reads.
function name(element) {
  const tell = () => element.querySelectorAll(".modebar-btn:not([aria-label])").forEach((button) => {
    button.setAttribute("aria-label", button.dataset.title ?? "");
  });
  new MutationObserver(tell).observe(element, { childList: true, subtree: true });
  tell();
}

// plotly says what was clicked or selected by a trait, as it does what the pointer is over; while the kernel is busy the
// last value alone waits. A lasso was lost when the pointer came upon a point just after it: a message each is not.
function telling(model) {
  const set = (name, value) => {
    const lost = name === "_js2py_pointsCallback" && value && !value.event_type.endsWith("hover");
    if (lost) model.send({ points: value });
    else model.set(name, value);
  };
  const get = (_, name) => (name === "set" ? set : model[name]);
  return new Proxy(model, { get });
}

export default () => {
  let figure;
  return {
    async initialize(context) {
      figure = plotly(context.model).then(async (module) => {
        const made = module.default();
        await made.initialize({ ...context, model: telling(context.model) });
        return made;
      });
      const itself = await named(context.model, "_id"); // context.model is a proxy without the queue of messages
      const known = figure.catch(() => undefined); // render tells of the error
      itself.state_change = Promise.all([itself.state_change, known]); // what the kernel says next waits for plotly
    },
    render: async (context) => {
      fit(context.el, context.model);
      name(context.el);
      return (await figure).render(context);
    },
  };
};
