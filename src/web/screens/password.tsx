import { useState } from "preact/hooks";
import { request } from "../api/client.ts";
import { Command } from "../objects/source.tsx";
import { useAction } from "../ui/action.tsx";
import { Dialog } from "../ui/dialog.tsx";
import { TextField } from "../ui/fields.tsx";
import { Failure } from "../ui/states.tsx";
import { toast } from "../ui/toasts.tsx";

/** Opens the form of one's own password. */
export function PasswordButton() {
  const [isOpen, setOpen] = useState(false);
  return (
    <>
      <button type="button" class="button slim" aria-haspopup="dialog" onClick={() => setOpen(true)}>
        Change password
      </button>
      {isOpen && <PasswordDialog onClose={() => setOpen(false)} />}
    </>
  );
}

function PasswordDialog({ onClose }: { onClose: () => void }) {
  const [current, setCurrent] = useState("");
  const [password, setPassword] = useState("");
  const action = useAction();
  const submit = (event: SubmitEvent) => {
    event.preventDefault();
    void action.run(async () => {
      await request("/api/v1/auth/passwd", {
        method: "POST",
        body: { password, ...(current !== "" && { current }) },
      });
      toast("Changed your password: your other sessions have ended");
      onClose();
    });
  };
  return (
    <Dialog title="Change your password" onClose={onClose}>
      <form class="stack" onSubmit={submit}>
        <TextField
          label="Password now"
          type="password"
          value={current}
          onValue={setCurrent}
          hint="Leave it empty if you have none yet"
        />
        <TextField
          label="New password"
          type="password"
          value={password}
          onValue={setPassword}
          required
          hint="8 characters at least"
        />
        {action.error && <Failure error={action.error} />}
        <div class="row">
          <button type="submit" class="button primary" disabled={action.isBusy}>
            Change it
          </button>
        </div>
        <Command text="mcpctl passwd" />
      </form>
    </Dialog>
  );
}
