import { useLoaded } from "../../api/lists.ts";
import { Command } from "../../objects/source.tsx";
import { CodeBlock } from "../../ui/code-block.tsx";
import { Show } from "../../ui/states.tsx";
import { Time } from "../../ui/time.tsx";
import { Certificate } from "./certificate.tsx";
import { Clients } from "./clients.tsx";
import { Database, type StatusAnswer } from "./database.tsx";

interface VersionAnswer {
  version: string;
  commit: string;
  date: string;
  bun: string;
  urls: string[];
}

/** The server itself, and the configuration of programs that use it. */
export function Settings() {
  const version = useLoaded<VersionAnswer>("/api/v1/version", 0);
  const status = useLoaded<StatusAnswer>("/api/v1/status");
  return (
    <>
      <div class="head">
        <h1>Settings</h1>
      </div>
      <div class="stack">
        <Clients />
        <div class="columns">
          <section class="panel">
            <header>
              <h2>Server</h2>
            </header>
            <Show of={version}>
              {({ version: number, commit, date, urls }) => (
                <div class="body">
                  <dl class="facts">
                    <dt>Version</dt>
                    <dd>
                      {number} <span class="quiet">({commit})</span>
                    </dd>
                    <dt>Built</dt>
                    <dd>{date === "dev" ? "from source" : <Time at={date} />}</dd>
                    <dt>Addresses</dt>
                    <dd>
                      {urls.map((url) => (
                        <div key={url} class="mono">
                          {url}
                        </div>
                      ))}
                    </dd>
                    <dt>Connection</dt>
                    <dd>
                      {location.protocol === "https:"
                        ? "This page came over TLS. Your browser shows the certificate beside the address."
                        : "This page came without TLS: on a network, everybody on the way can read it."}
                    </dd>
                  </dl>
                  {status.value?.certificate && <Certificate of={status.value.certificate} />}
                  <Command text="mcpctl version --check" />
                </div>
              )}
            </Show>
          </section>
          <section class="panel">
            <header>
              <h2>Backups and database</h2>
            </header>
            <Show of={status}>{(value) => <Database status={value} />}</Show>
          </section>
          <section class="panel">
            <header>
              <h2>Metrics</h2>
            </header>
            <div class="body">
              <p>Prometheus reads them here, with a token that may view metrics:</p>
              <CodeBlock text={`${location.origin}/metrics`} />
              <Command text="mcpctl create token prometheus --bind role:view,resource:metrics" />
            </div>
          </section>
        </div>
      </div>
    </>
  );
}
