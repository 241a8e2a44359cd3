// The TypeScript client through a whole life of an image: node sdk.cjs COMPILED_CLIENT ENDPOINT SUBSCRIPTION GROUP NAME; credentials in the environment, the image's properties on standard input.
'use strict';
const path = require('path');
const [compiled, endpoint, subscription, group, name] = process.argv.slice(2);
const { Arm, ArmError } = require(path.join(compiled, 'arm.js'));
const { OsImagesClient, ResourceGroupsClient } = require(path.join(compiled, 'generated', 'clients.js'));

(async () => {
  const arm = new Arm(endpoint, { tenantId: process.env.TENANT, clientId: process.env.CLIENT, secret: process.env.SECRET });
  const images = new OsImagesClient(arm.endpoint, arm);
  const made = await arm.wait(await images.createOrUpdate(subscription, group, name, { location: 'westeurope', tags: { by: 'typescript' }, properties: JSON.parse(process.env.PROPERTIES) }));
  await arm.wait(await images.update(subscription, group, name, { properties: { knownCves: ['CVE-2026-12345'] } }));
  const names = [];
  for await (const image of arm.all(images.listByResourceGroup(subscription, group, 1)))
    names.push(image.name);
  await arm.wait(await images.delete(subscription, group, name));
  const gone = await images.get(subscription, group, name).then(() => null, error => error instanceof ArmError ? error.code : String(error));
  console.log(JSON.stringify({ state: made.properties.provisioningState, version: made.properties.version, names, gone, group: (await new ResourceGroupsClient(arm.endpoint, arm).get(subscription, group)).result.name }));
})().catch(failure => { console.error(failure); process.exit(1); });
