import { useState } from "preact/hooks";
import { type ApiObject, useKind } from "../../api/lists.ts";
import { may } from "../../api/rights.ts";
import { ObjectButtons } from "../../objects/object-dialog.tsx";
import { ObjectList } from "../../objects/object-list.tsx";
import { Command } from "../../objects/source.tsx";
import { goTo, placeOf, route } from "../../route.ts";
import { Badge } from "../../ui/badge.tsx";
import { Dialog } from "../../ui/dialog.tsx";
import { Time } from "../../ui/time.tsx";
import { commandOf } from "../../ui/yaml.ts";
import { grantSentence, type ShownGrant } from "./grants.ts";
import { NewToken } from "./new-token.tsx";

interface ShownToken extends ApiObject {
  project?: string;
  prefix: string;
  owner: string | null;
  roleBindings: ShownGrant[];
  description?: string;
  createdAt: string;
  expiresAt: string | null;
  lastUsedAt: string | null;
  status: string;
}

/** Tokens for programs. A new one is shown once. */
export function Tokens() {
  const tokens = useKind<ShownToken>("tokens");
  const [isMaking, setMaking] = useState(false);
  const one = tokens.value?.find(({ id }) => id === route.value.path[2]);
  return (
    <>
      <ObjectList
        title="Tokens"
        kind="token"
        of={tokens}
        textOf={({ name, owner, prefix, status }) => [name, owner, prefix, status].join(" ")}
        empty={["No token yet", "Programs call models with a token of their own, which you can take back."]}
        buttons={
          may("create", "tokens") && (
            <button
              type="button"
              class="button primary"
              aria-haspopup="dialog"
              onClick={() => setMaking(true)}
            >
              New token
            </button>
          )
        }
      >
        {(token) => (
          <li key={token.id}>
            <a href={placeOf(["access", "tokens", token.id])}>{token.name}</a>
            <span class="mono quiet small">{token.prefix}…</span>
            <span class="small">{rightsOf(token)}</span>
            <span class="quiet small">
              {token.owner}, used <Time at={token.lastUsedAt} as="ago" />
              {token.expiresAt && (
                <>
                  , ends <Time at={token.expiresAt} as="ago" />
                </>
              )}
            </span>
            <Badge state={token.status} />
          </li>
        )}
      </ObjectList>
      {one && <TokenDialog key={one.id} token={one} onClose={() => goTo(placeOf(["access", "tokens"]))} />}
      {isMaking && <NewToken onClose={() => setMaking(false)} />}
    </>
  );
}

function rightsOf({ roleBindings }: ShownToken): string {
  return `may ${roleBindings.map(grantSentence).join(", and ") || "do nothing"}`;
}

/** One token: its rights, its end, and a button that takes it back. */
function TokenDialog({ token, onClose }: { token: ShownToken; onClose: () => void }) {
  const { name, prefix, owner, description, createdAt, lastUsedAt, expiresAt, status } = token;
  return (
    <Dialog title={name} onClose={onClose}>
      {description && <p>{description}</p>}
      <dl class="facts">
        <dt>Begins with</dt>
        <dd class="mono">{prefix}…</dd>
        <dt>Rights</dt>
        <dd>
          {rightsOf(token)}, as far as {owner ?? "its owner"} still may
        </dd>
        <dt>Made</dt>
        <dd>
          <Time at={createdAt} /> by {owner ?? "nobody"}
        </dd>
        <dt>Last used</dt>
        <dd>
          <Time at={lastUsedAt} />
        </dd>
        <dt>Ends</dt>
        <dd class="row">
          <Time at={expiresAt} />
          <Badge state={status} />
        </dd>
      </dl>
      <div class="row">
        <ObjectButtons
          kind="token"
          plural="tokens"
          object={token}
          question="Programs with it stop working."
          onGone={onClose}
        />
      </div>
      <Command text={commandOf("delete", "token", name)} />
    </Dialog>
  );
}
