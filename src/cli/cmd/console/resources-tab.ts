import type { JsonObject } from "../../../mcp/messages.ts";
import { CallScreen } from "./call-screen.ts";
import { plainLine } from "./cells.ts";
import { FormScreen } from "./form-screen.ts";
import { ListScreen } from "./list-screen.ts";
import { namedRow } from "./tools-tab.ts";
import type { ConsoleWorld } from "./world.ts";

/** The resources of the project, and the templates of resources. */
export function resourcesTab(world: ConsoleWorld): ListScreen<JsonObject> {
  return new ListScreen<JsonObject>({
    items: () => [...world.session.listing.resources, ...world.session.listing.resourceTemplates],
    textOf: ({ uri, uriTemplate, name, description }) => [uri, uriTemplate, name, description].join(" "),
    row: ({ uri, uriTemplate, name, description }, width) =>
      namedRow(uri ?? uriTemplate, [name, description].filter(Boolean).join(": "), width),
    empty: () => "the project offers no resources",
    open(item) {
      if (typeof item["uri"] === "string") read(item["uri"], world);
      else openTemplate(String(item["uriTemplate"]), world);
    },
  });
}

function read(uri: string, world: ConsoleWorld): void {
  const call = { title: plainLine(uri), method: "resources/read", params: { uri } };
  world.stage.open(new CallScreen(call, world));
}

/** Asks for the variables of a template: `{path}`, also with the operators of RFC 6570. */
function openTemplate(template: string, world: ConsoleWorld): void {
  const expressions = [...template.matchAll(/\{([^{}]{1,200})\}/g)].map(([, inside]) => inside!);
  const names = expressions.flatMap((inside) => inside.replace(/^[+#./;?&]/, "").split(",")).map(plainName);
  const properties = Object.fromEntries(names.map((name) => [name, { type: "string" }]));
  world.stage.open(
    new FormScreen(
      {
        title: plainLine(template),
        schema: { properties, required: names },
        button: "Read",
        submit(values) {
          read(expanded(template, values), world);
          return undefined;
        },
      },
      world.stage,
    ),
  );
}

/** The name of a variable without `*` and `:3` behind it. */
function plainName(variable: string): string {
  return variable.replace(/(\*|:\d+)$/, "");
}

/** The texts before the first variable and between others, by the operator of an expression (RFC 6570). */
const operators: Readonly<
  Record<string, { first: string; between: string; isNamed?: true; isReserved?: true }>
> = {
  "": { first: "", between: "," },
  "+": { first: "", between: ",", isReserved: true },
  "#": { first: "#", between: ",", isReserved: true },
  ".": { first: ".", between: "." },
  "/": { first: "/", between: "/" },
  ";": { first: ";", between: ";", isNamed: true },
  "?": { first: "?", between: "&", isNamed: true },
  "&": { first: "&", between: "&", isNamed: true },
};

/** Returns the URI of a template with its variables filled in. */
export function expanded(template: string, values: JsonObject): string {
  return template.replace(/\{([+#./;?&]?)([^{}]{1,200})\}/g, (_, operator: string, list: string) => {
    const { first, between, isNamed, isReserved } = operators[operator]!;
    const parts = list.split(",").map((variable) => {
      const name = plainName(variable);
      const value = String(values[name] ?? "");
      const text = isReserved ? encodeURI(value.toWellFormed()) : encodeURIComponent(value.toWellFormed());
      return isNamed ? `${name}=${text}` : text;
    });
    return first + parts.join(between);
  });
}
