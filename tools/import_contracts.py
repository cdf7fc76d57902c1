"""An import-linter contract: a module may import our own packages, the standard library and what is listed.

Unlike a list of forbidden libraries, it also refuses the ones that nobody thought of.
"""

import sys

from grimp import ImportGraph
from importlinter import Contract, ContractCheck, fields, output


class AllowedExternals(Contract):
    modules = fields.ListField(subfield=fields.StringField())
    allowed = fields.ListField(subfield=fields.StringField())

    def check(self, graph: ImportGraph, verbose: bool) -> ContractCheck:  # noqa: ARG002  # import-linter's signature
        own = set(self.session_options["root_packages"])
        permitted = own | set(self.allowed) | sys.stdlib_module_names  # type: ignore[call-overload]  # a field reads as its value
        broken = [
            f"{importer} imports {imported}"
            for root in self.modules  # type: ignore[attr-defined]  # as above
            for importer in sorted({root} | graph.find_descendants(root))
            for imported in sorted(graph.find_modules_directly_imported_by(importer))
            if imported.split(".")[0] not in permitted
        ]
        return ContractCheck(kept=not broken, metadata={"broken": broken})

    def render_broken_contract(self, check: ContractCheck) -> None:
        for line in check.metadata["broken"]:
            output.print_error(line)
