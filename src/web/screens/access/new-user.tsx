import { useState } from "preact/hooks";
import { request } from "../../api/client.ts";
import { useAction } from "../../ui/action.tsx";
import { TextField } from "../../ui/fields.tsx";
import { Command } from "../../ui/source.tsx";
import { Failure } from "../../ui/states.tsx";
import { toast } from "../../ui/toasts.tsx";
import { commandOf } from "../../ui/yaml.ts";

/** Makes a user who can sign in. */
export function NewUser() {
  const [name, setName] = useState("");
  const [password, setPassword] = useState("");
  const action = useAction();
  const submit = (event: SubmitEvent) => {
    event.preventDefault();
    void action.run(async () => {
      await request("/api/v1/users", { method: "POST", body: { name, password } });
      toast(`${name} can sign in`);
      setName("");
      setPassword("");
    });
  };
  return (
    <section class="panel">
      <header>
        <h2>New user</h2>
      </header>
      <form class="body" onSubmit={submit}>
        <TextField label="Name" value={name} onValue={setName} required />
        <TextField
          label="Password"
          type="password"
          value={password}
          onValue={setPassword}
          required
          hint="8 characters at least"
        />
        {action.error && <Failure error={action.error} />}
        <div class="row">
          <button type="submit" class="button primary" disabled={action.isBusy}>
            Create
          </button>
        </div>
        <Command
          text={`${commandOf("create", "user", name || "NAME")} && ${commandOf("passwd", name || "NAME")}`}
        />
      </form>
    </section>
  );
}
