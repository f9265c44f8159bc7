import type { Kind, KindInfo } from "../../kinds/define.ts";
import { allowsWrite } from "../../kinds/writes.ts";
import { escapeLine, jsonText } from "../../wire/text.ts";
import { exportOf, yamlText } from "../output/yaml.ts";
import type { Terminal } from "../terminal/terminal.ts";
import type { ResultFormat } from "./write-result.ts";

/** An object with its kind, and the sentence about it. Its data is undefined if the object is deleted. */
interface Result {
  kind: KindInfo;
  name: string;
  object: Readonly<Record<string, unknown>> | undefined;
  line: string;
}

/**
 * The results of a verb that changes several objects, or waits for them. Sentences and names are printed as they come.
 * JSON and YAML are printed at the end: JSON is the object itself if the verb was given one, and an array of objects
 * with their kinds otherwise.
 */
export class ResultList {
  readonly #results: Result[] = [];
  readonly #format: ResultFormat;
  readonly #count: number;
  readonly #terminal: Terminal;

  /** @param count the objects that the verb was given */
  constructor(format: ResultFormat, count: number, terminal: Terminal) {
    this.#format = format;
    this.#count = count;
    this.#terminal = terminal;
  }

  add(result: Result): void {
    const { kind, name, line } = result;
    if (this.#format === "text") this.#terminal.out(`${escapeLine(line)}\n`);
    else if (this.#format === "name") this.#terminal.out(`${kind.kind}/${escapeLine(name)}\n`);
    else this.#results.push(result);
  }

  /** Prints JSON or YAML. A single object without a result is nothing, and stdout stays empty. */
  end(): void {
    const isSingle = this.#count === 1;
    if (isSingle && this.#results.length === 0) return;
    if (this.#format === "yaml") this.#terminal.out(this.#results.map(documentOf).join("---\n"));
    if (this.#format !== "json") return;
    const [first] = this.#results;
    const isObject = isSingle && first?.object !== undefined;
    this.#terminal.out(
      jsonText(isObject ? first.object : isSingle ? dataOf(first!) : this.#results.map(dataOf)),
    );
  }
}

function dataOf({ kind, name, object }: Result): Record<string, unknown> {
  return { kind: kind.kind, ...(object ?? { name, result: "deleted" }) };
}

/** A manifest, if the kind has manifests. */
function documentOf(result: Result): string {
  const { kind, object } = result;
  const isManifest = object !== undefined && allowsWrite(kind as Kind, "create");
  return yamlText(isManifest ? exportOf(kind as Kind, object) : dataOf(result));
}
