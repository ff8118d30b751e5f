"""Lists the furniture that the networks learn from: catalogue.py FOLDER LIST ATTRIBUTION.

FOLDER holds the unpacked catalogues (one folder each). Writes LIST for the packer and ATTRIBUTION, the authors and
licences that go with the weights. What `report.txt` names is never learnt from; what `tune.txt` names only judges.
"""
import os
import re
import sys

LIBRARIES = {
    "BlendSwap-CC-0": "CC0 1.0",
    "BlendSwap-CC-BY": "CC BY 3.0",
    "KatorLegaz": "CC BY 3.0 US",
    "Scopia": "CC BY 3.0",
}
HERE = os.path.dirname(os.path.abspath(__file__))


def names_in(file):
    with open(os.path.join(HERE, file), encoding="utf-8") as lines:
        return {line.strip() for line in lines if line.strip() and not line.startswith("#")}


def entries(folder, library):
    found = {}
    with open(os.path.join(folder, library, "PluginFurnitureCatalog.properties"), encoding="latin-1") as lines:
        for line in lines:
            match = re.match(r"(\w+)#(\d+)=(.*)", line.strip())
            if match:
                found.setdefault(int(match[2]), {})[match[1]] = match[3]
    return [found[number] for number in sorted(found)]


def main(folder, list_file, attribution_file):
    report, tune = names_in("report.txt"), names_in("tune.txt")
    unknown = set(report | tune)
    counts = {"learn": 0, "tune": 0, "report": 0}
    with open(list_file, "w", encoding="utf-8") as out, open(attribution_file, "w", encoding="utf-8") as credit:
        credit.write("library\tobject\tauthor\tlicence\n")
        for library, licence in LIBRARIES.items():
            for entry in entries(folder, library):
                short = entry["id"].split("#")[-1]
                name = f"{library}/{short}"
                unknown.discard(name)
                if name in report:
                    counts["report"] += 1
                    continue
                split = 1 if name in tune else 0
                counts["tune" if split else "learn"] += 1
                weight = 1.0
                if entry.get("doorOrWindow") == "true":
                    weight = 0.15  # plates with holes; many of them
                if re.search(r"plug|switch|RJ-45|antenna|dimmer|stationnement|fleche|passage|window|rails|billet", short):
                    weight = 0.15  # alike and flat
                if re.search(r"maple|beech|poplar|tree|plant|grass|bush|palm|fern", short, re.I):
                    weight = 0.3
                rotation = entry.get("modelRotation", "1 0 0 0 1 0 0 0 1")
                path = os.path.join(folder, library, entry["model"].lstrip("/"))
                out.write(f"{split}\t{weight}\t{rotation}\t{path}\n")
                author = entry.get("creator", "")
                if split:
                    continue
                credit.write(f"{library}\t{short}\t{author}\t{licence}\n")
    print(counts)
    if unknown:
        sys.exit(f"not in the catalogues: {sorted(unknown)}")


if __name__ == "__main__":
    main(*sys.argv[1:4])
