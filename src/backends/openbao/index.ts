import type { OpenBaoConfig } from "../../kinds/secret-backends/openbao.ts";
import type { BackendModule, LoginDriver } from "../types.ts";
import { checkConfig } from "./check-config.ts";
import { openBaoDriver } from "./driver.ts";
import { setUpOpenBao } from "./set-up.ts";

export const openbaoModule = {
  make: ({ name, config, credential, onWarning, proxyFor }): LoginDriver =>
    openBaoDriver({ name, config: config as OpenBaoConfig, credential, onWarning, proxyFor }),
  checkConfig,
  async setUp({ name, config: given, adminToken, proxyFor }) {
    const config = given as OpenBaoConfig;
    const { token, policy, role } = await setUpOpenBao({ name, config, adminToken, proxyFor });
    return {
      credential: token,
      made: { policy, role },
      async revoke() {
        const driver = openBaoDriver({ name, config, credential: async () => token, proxyFor });
        await driver.login.revoke(token).finally(() => driver.close?.());
      },
    };
  },
} satisfies BackendModule;
