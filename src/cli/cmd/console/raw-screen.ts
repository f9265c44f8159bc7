import { isObject, type JsonObject } from "../../../mcp/messages.ts";
import { CallScreen } from "./call-screen.ts";
import { FormScreen } from "./form-screen.ts";
import type { ConsoleWorld } from "./world.ts";

/** Opens a form for any request of JSON-RPC. */
export function openRequest(world: ConsoleWorld, method = "", params: JsonObject = {}): void {
  const schema = {
    properties: {
      method: { type: "string", description: "such as tools/list, tools/call, resources/read" },
      params: { type: "object", description: "an object of JSON" },
    },
    required: ["method"],
  };
  const form = new FormScreen(
    {
      title: "JSON-RPC request",
      schema,
      initial: { method, params: JSON.stringify(params) },
      button: "Send",
      submit({ method: name, params: given = {} }) {
        if (!isObject(given)) return "params must be an object";
        const call = { title: "JSON-RPC", method: String(name), params: given };
        world.stage.open(new CallScreen(call, world));
        return undefined;
      },
    },
    world.stage,
  );
  world.stage.open(form);
}
