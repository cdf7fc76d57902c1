"""Who may act on a department: shared by the use cases that write."""

from brain.domain.article import Article
from brain.domain.errors import Denied, Missing
from brain.domain.identity import Department, Principal, Role, Visibility
from brain.domain.knowledge import ArticleId, Document, DocumentId
from brain.ports import Transaction


async def department_for(tx: Transaction, principal: Principal, slug: str, *roles: Role) -> Department:
    """The department of that name, where the principal holds one of the roles in it now."""
    member = await tx.people.member(str(principal.member.id))
    departments = {department.slug: department for department in await tx.people.departments()}
    if slug not in departments:
        known = ", ".join(sorted(departments)) or "none yet"
        raise Missing(f"There is no department {slug!r}; there is {known}.")
    department = departments[slug]
    if member is None or not any(member.may(role, department.id) for role in roles):
        wanted = " or ".join(role.value for role in roles)
        raise Denied(f"This needs the role {wanted} in {department.name}.")
    return department


async def document_kept_by(tx: Transaction, principal: Principal, id_: DocumentId) -> Document:
    """The document, where the principal looks after its department now."""
    member = await tx.people.member(str(principal.member.id))
    found = await tx.library.document(id_)
    if found is None or member is None or found.department not in member.departments:
        raise Missing(f"There is no document {id_} that you may see.")
    if not (member.may(Role.REVIEWER, found.department) or member.may(Role.ADMIN, found.department)):
        raise Denied("Only reviewers and admins of the department may do this to its documents.")
    return found


async def article_kept_by(tx: Transaction, principal: Principal, id_: ArticleId) -> Article:
    """The article, locked, where the principal looks after its department and may read its sources now."""
    member = await tx.people.member(str(principal.member.id))
    article = await tx.articles.article(id_, lock=True)
    public = {one.id for one in await tx.people.departments() if one.visibility is Visibility.TENANT}
    if member is None or article is None or not article.readable_by(member.departments | public):
        raise Missing(f"There is no article {id_} that you may read.")
    if not any(member.may(role, article.department) for role in (Role.REVIEWER, Role.ADMIN)):
        raise Denied("Only reviewers and admins of the article's department may do this.")
    return article
