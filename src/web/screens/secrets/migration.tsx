import { useState } from "preact/hooks";
import { request } from "../../api/client.ts";
import { Command } from "../../objects/source.tsx";
import { useAction } from "../../ui/action.tsx";
import { SelectField } from "../../ui/fields.tsx";
import { Failure } from "../../ui/states.tsx";
import { commandOf } from "../../ui/yaml.ts";
import type { ShownBackend } from "./shown-secret.ts";

interface MigrationAnswer {
  results: { name: string; result: string; reason?: string }[];
  summary: Record<string, number>;
}

/** Moves all secrets of a backend to another. */
export function Migration({ backends }: { backends: readonly ShownBackend[] }) {
  const [from, setFrom] = useState("");
  const [to, setTo] = useState("");
  const [answer, setAnswer] = useState<MigrationAnswer & { isDry: boolean }>();
  const action = useAction();
  if (backends.length < 2) return null;
  const options = [["", "choose"] as const, ...backends.map(({ name }) => [name, name] as const)];
  const migrate = (dryRun: boolean) =>
    action.run(async () => {
      const body = { from, to, dryRun };
      const got = await request<MigrationAnswer>("/api/v1/secrets/migrate", { method: "POST", body });
      setAnswer({ ...got, isDry: dryRun });
    });
  return (
    <section class="panel">
      <header>
        <h2>Move secrets to another backend</h2>
      </header>
      <div class="body">
        <div class="columns narrow">
          <SelectField label="From" value={from} onValue={setFrom} options={options} />
          <SelectField label="To" value={to} onValue={setTo} options={options} />
        </div>
        {action.error && <Failure error={action.error} />}
        {answer && (
          <div class={`note ${answer.summary["failed"] ? "bad" : "good"}`} role="status">
            <strong>
              {answer.isDry ? "It would move" : "Moved"}{" "}
              {answer.isDry ? answer.summary["planned"] : answer.summary["migrated"]}, skipped{" "}
              {answer.summary["skipped"]}, failed {answer.summary["failed"]}
            </strong>
            {answer.results.slice(0, 50).map(({ name, result, reason }) => (
              <span key={name} class="small">
                {name}: {result}
                {reason && `, ${reason}`}
              </span>
            ))}
          </div>
        )}
        <div class="row">
          <button
            type="button"
            class="button"
            disabled={action.isBusy || !from || !to || from === to}
            onClick={() => migrate(true)}
          >
            What would happen?
          </button>
          <button
            type="button"
            class="button primary"
            disabled={action.isBusy || !from || !to || from === to}
            onClick={() => migrate(false)}
          >
            Move them
          </button>
        </div>
        <Command text={commandOf("migrate", "secrets", "--from", from || "FROM", "--to", to || "TO")} />
      </div>
    </section>
  );
}
