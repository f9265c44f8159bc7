import { Time } from "../../ui/time.tsx";

/** The server's own certificate, as its status tells of it. */
export interface CertificateStatus {
  names: string[];
  issuer: string;
  expiresAt: string;
  isEnding: boolean;
  failedAt: string | null;
  reason: string | null;
}

/** The names and the end of the certificate, with what somebody should do about it. */
export function Certificate({ of }: { of: CertificateStatus }) {
  const { names, issuer, expiresAt, isEnding, failedAt, reason } = of;
  return (
    <>
      {(isEnding || failedAt) && (
        <div class="note bad">
          <strong>{failedAt ? "The new certificate is not used" : "The certificate was not renewed"}</strong>
          <span>{failedAt ? reason : "Clients refuse the server once it has expired."}</span>
        </div>
      )}
      <dl class="facts">
        <dt>Certificate</dt>
        <dd class="mono">{names.join(", ")}</dd>
        <dt>From</dt>
        <dd>{issuer}</dd>
        <dt>Expires</dt>
        <dd>
          <Time at={expiresAt} />
        </dd>
      </dl>
    </>
  );
}
