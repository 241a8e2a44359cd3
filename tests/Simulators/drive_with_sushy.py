"""Drives one simulated BMC with OpenStack's own Redfish client and prints what it saw as JSON.

Usage: drive_with_sushy.py ROOT_URL CA_FILE SYSTEM_PATH TARGET IMAGE_URL; user name and password come from the environment.
"""
import json
import os
import sys

import sushy

root, ca, system_path, target, image = sys.argv[1:6]
bmc = sushy.Sushy(root, username=os.environ["BMC_USER"], password=os.environ["BMC_PASSWORD"], verify=ca)
seen = {"session": "X-Auth-Token" in bmc._conn._session.headers}

system = bmc.get_system(system_path)
seen["serial"] = (system.serial_number or "").strip()
seen["uuid"] = system.uuid
seen["manufacturer"] = system.manufacturer
seen["powerBefore"] = system.power_state.value
seen["memoryGiB"] = system.memory_summary.size_gib
seen["threads"] = system.processors.summary.count
seen["macs"] = sorted(system.ethernet_interfaces.summary)
seen["drives"] = sorted(drive.serial_number for storage in system.storage.get_members() for drive in storage.drives)
seen["simpleStorage"] = system.simple_storage.max_size_bytes

mode = None if system.manufacturer == "HPE" else sushy.BOOT_SOURCE_MODE_UEFI
system.set_system_boot_options(target=sushy.BootSource(target), enabled=sushy.BOOT_SOURCE_ENABLED_ONCE, mode=mode)
system.refresh(force=True)
seen["bootTarget"] = system.boot.target.value if system.boot.target else None
seen["bootEnabled"] = system.boot.enabled.value if system.boot.enabled else None

manager = bmc.get_manager_collection().get_members()[0]
seen["bmcFirmware"] = manager.firmware_version
discs = [medium for medium in manager.virtual_media.get_members() if sushy.VIRTUAL_MEDIA_CD in medium.media_types] if "VirtualMedia" in manager.json else []
if discs:
    discs[0].insert_media(image)
    discs[0].refresh(force=True)
    seen["inserted"] = discs[0].inserted
    discs[0].eject_media()
    discs[0].refresh(force=True)
    seen["ejected"] = not discs[0].inserted

system.reset_system(sushy.RESET_ON)
system.refresh(force=True)
seen["powerAfterOn"] = system.power_state.value
system.reset_system(sushy.RESET_FORCE_OFF)
system.refresh(force=True)
seen["powerAfterOff"] = system.power_state.value
bmc._auth.close()
print(json.dumps(seen))
