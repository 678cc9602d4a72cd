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

export default () => {
  let figure;
  return {
    async initialize(context) {
      figure = plotly(context.model).then(async (module) => {
        const made = module.default();
        await made.initialize(context);
        return made;
      });
      const itself = await named(context.model, "_id"); // context.model is a proxy without the queue of messages
      const known = figure.catch(() => undefined); // render tells of the error
      itself.state_change = Promise.all([itself.state_change, known]); // what the kernel says next waits for plotly
    },
    render: async (context) => (await figure).render(context),
  };
};
