"""All cases, in one list.

SPDX-License-Identifier: MIT
"""

from hostile import chunks, framing, identity, streams, syntax, targets

SUBJECTS = {"framing": framing, "chunks": chunks, "syntax": syntax, "targets": targets,
            "identity": identity,
            "streams": streams}
CASES = [one._replace(title=f"{subject}/{one.title}")
         for subject, module in SUBJECTS.items() for one in module.cases()]
