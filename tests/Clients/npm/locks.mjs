import { ManagementLockClient } from "@azure/arm-locks";
import { ResourceManagementClient } from "@azure/arm-resources";
import { all, credential, options, refusal, show, subscription } from "./client.mjs";

const { resourceGroups } = new ResourceManagementClient(credential, subscription, options);
const { managementLocks } = new ManagementLockClient(credential, subscription, options);
const group = "npm-locked";

await resourceGroups.createOrUpdate(group, { location: "westeurope" });
const { level } = await managementLocks.createOrUpdateAtResourceGroupLevel(group, "keep", { level: "CanNotDelete", notes: "in use" });
const locks = (await all(managementLocks.listAtResourceGroupLevel(group))).map((lock) => lock.name);
const refused = await refusal(resourceGroups.delete(group));
await managementLocks.deleteAtResourceGroupLevel(group, "keep");
await resourceGroups.delete(group);
show({ level, locks, refused });
