/** The commands that read documents and ask nobody. */
export { graph } from "./graph.ts";
export { importForm, importRecording } from "./import.ts";
export { planWorkflow } from "./plan.ts";
export { validate } from "./validate.ts";
