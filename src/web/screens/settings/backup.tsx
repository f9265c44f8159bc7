import { send } from "../../api/client.ts";
import { Command } from "../../objects/source.tsx";
import { useAction } from "../../ui/action.tsx";
import { Failure } from "../../ui/states.tsx";
import { toast } from "../../ui/toasts.tsx";
import { commandOf } from "../../ui/yaml.ts";

/** Downloads a backup of the whole database. */
export function Backup() {
  const action = useAction();
  const download = () =>
    action.run(async () => {
      const response = await send("/api/v1/backup");
      const [, name = "mcpctl-backup.tar.zst"] =
        /filename="([\w.:-]+)"/.exec(response.headers.get("content-disposition") ?? "") ?? [];
      const url = URL.createObjectURL(await response.blob());
      const link = document.createElement("a");
      link.href = url;
      link.download = name;
      link.click();
      setTimeout(() => URL.revokeObjectURL(url), 60_000);
      toast(`Downloaded ${name}`);
    });
  return (
    <>
      <p class="quiet small">
        A backup has everything but values of secrets: also hashes of passwords, conversations and the audit
        log. Keep it as you keep the server. It is put back with the command line: mcpctl restore FILE.
      </p>
      {action.error && <Failure error={action.error} />}
      <div class="row">
        <button type="button" class="button" disabled={action.isBusy} onClick={download}>
          {action.isBusy ? "Making the backup…" : "Download a backup"}
        </button>
      </div>
      <Command text={commandOf("backup")} />
    </>
  );
}
