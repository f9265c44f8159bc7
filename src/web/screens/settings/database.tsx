import { mayOperate } from "../../api/rights.ts";
import { BackupFailed } from "../../ui/backup-failed.tsx";
import { bytes } from "../../ui/format.ts";
import { Time } from "../../ui/time.tsx";
import { Backup } from "./backup.tsx";
import type { CertificateStatus } from "./certificate.tsx";

/** The part of the status that Settings shows. */
export interface StatusAnswer {
  database: { kind: string; bytes?: number; logBytes?: number; freeBytes?: number };
  connections?: { open: number };
  replicas?: string[];
  backups?: {
    lastAt: string | null;
    name: string | null;
    failedAt: string | null;
    reason: string | null;
    nextAt: string | null;
  };
  certificate?: CertificateStatus;
}

/** The database and its backups. */
export function Database({ status: { database, backups, replicas, connections } }: { status: StatusAnswer }) {
  return (
    <div class="body">
      {backups?.failedAt && <BackupFailed at={backups.failedAt} reason={backups.reason} />}
      <dl class="facts">
        <dt>Database</dt>
        <dd>
          {database.kind === "sqlite" ? "SQLite" : "PostgreSQL"}, {bytes(database.bytes)}
          {database.freeBytes !== undefined && `, ${bytes(database.freeBytes)} free on its disk`}
        </dd>
        {replicas && (
          <>
            <dt>Servers on it</dt>
            <dd>{replicas.join(", ")}</dd>
          </>
        )}
        <dt>Connections</dt>
        <dd>{connections?.open ?? "not known"}</dd>
        <dt>Last backup</dt>
        <dd>
          {backups ? (
            <>
              <Time at={backups.lastAt} as="ago" /> {backups.name}
            </>
          ) : (
            "the server makes none by itself: start it with --backup-dir"
          )}
        </dd>
        {backups?.nextAt && (
          <>
            <dt>Next</dt>
            <dd>
              <Time at={backups.nextAt} as="ago" />
            </dd>
          </>
        )}
      </dl>
      {mayOperate("backup") && <Backup />}
    </div>
  );
}
