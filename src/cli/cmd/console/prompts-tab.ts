import { isObject, type JsonObject } from "../../../mcp/messages.ts";
import { CallScreen } from "./call-screen.ts";
import { plainLine } from "./cells.ts";
import { FormScreen } from "./form-screen.ts";
import { ListScreen } from "./list-screen.ts";
import { namedRow } from "./tools-tab.ts";
import type { ConsoleWorld } from "./world.ts";

/** The prompts of the project. */
export function promptsTab(world: ConsoleWorld): ListScreen<JsonObject> {
  return new ListScreen<JsonObject>({
    items: () => world.session.listing.prompts,
    textOf: ({ name, description }) => `${String(name)} ${String(description ?? "")}`,
    row: ({ name, description }, width) => namedRow(name, description, width),
    empty: () => "the project offers no prompts",
    open: (prompt) => openPrompt(prompt, world),
  });
}

function openPrompt(prompt: JsonObject, world: ConsoleWorld): void {
  const name = String(prompt["name"]);
  const title = plainLine(name);
  const get = (args: JsonObject) => {
    const params = { name, ...(Object.keys(args).length > 0 && { arguments: args }) };
    world.stage.open(new CallScreen({ title, method: "prompts/get", params }, world));
    return undefined;
  };
  const args = (Array.isArray(prompt["arguments"]) ? prompt["arguments"] : []).filter(isObject);
  if (args.length === 0) {
    get({});
    return;
  }
  const properties = Object.fromEntries(
    args.map((one) => [String(one["name"]), { type: "string", description: one["description"] }]),
  );
  const required = args.filter((one) => one["required"] === true).map((one) => String(one["name"]));
  world.stage.open(
    new FormScreen({ title, schema: { properties, required }, button: "Get", submit: get }, world.stage),
  );
}
