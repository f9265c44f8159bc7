import { type AttachmentRow, attachable, attachmentsOf, nextPosition, touchProject } from "../attachments.ts";
import type { Hooks } from "../hooks.ts";

export const attachmentHooks: Hooks<AttachmentRow> = {
  prepare({ before, row, snapshot, principal, faults, writeFirst }, services) {
    const { spec, name, scope } = row;
    spec.server ??= name;
    if (spec.server !== name)
      faults.push({ path: "/server", message: `must be "${name}", the name of the attachment` });
    if (before) return;
    attachable(snapshot, principal, name);
    row.status = { position: nextPosition(attachmentsOf(snapshot, scope)) };
    writeFirst.push(...touchProject(snapshot, scope, services.now()));
  },
  remove({ row, snapshot, writeFirst }, services) {
    writeFirst.push(...touchProject(snapshot, row.scope, services.now()));
  },
  status: ({ status: { position } }) => ({ position }),
};
