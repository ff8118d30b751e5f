CREATE FUNCTION public.app_company_id() RETURNS uuid
    LANGUAGE sql STABLE PARALLEL SAFE
    RETURN (NULLIF(current_setting('app.company_id'::text, true), ''::text))::uuid;

CREATE FUNCTION public.credit_ledger_is_append_only() RETURNS trigger
    LANGUAGE plpgsql
    AS $$
begin
    raise exception 'credit_ledger is append-only' using errcode = 'restrict_violation';
end $$;

CREATE FUNCTION public.identity_login(p_email text) RETURNS TABLE(user_id uuid, company_id uuid, email text, name text, password_hash text, role text, user_status text, company_name text, company_status text)
    LANGUAGE sql STABLE SECURITY DEFINER
    SET search_path TO 'public', 'pg_temp'
    AS $$
        select u.id, u.company_id, u.email, u.name, u.password_hash, u.role, u.status, c.name, c.status
          from users u join companies c on c.id = u.company_id
         where u.email = lower(p_email)
    $$;

ALTER FUNCTION public.identity_login(p_email text) OWNER TO i2m_system;

CREATE FUNCTION public.provider_call_of_token(p_token_sha256 bytea) RETURNS TABLE(call_id uuid, company_id uuid, item_id uuid)
    LANGUAGE sql STABLE SECURITY DEFINER
    SET search_path TO 'public', 'pg_temp'
    AS $$
        select c.id, c.company_id, c.item_id from provider_calls c where c.token_sha256 = p_token_sha256
    $$;

ALTER FUNCTION public.provider_call_of_token(p_token_sha256 bytea) OWNER TO i2m_system;

CREATE FUNCTION public.provider_calls_in_flight(p_provider text) RETURNS TABLE(followed bigint, lost bigint)
    LANGUAGE plpgsql SECURITY DEFINER
    SET search_path TO 'public', 'pg_temp'
    AS $$
    begin
        perform pg_advisory_xact_lock(hashtextextended('provider_calls:' || p_provider, 0));
        return query
            select count(*) filter (where c.state in ('submitting', 'accepted')),
                   count(*) filter (where c.state in ('unsure', 'abandoned'))
              from provider_calls c
             where c.provider = p_provider
               and (c.state in ('submitting', 'accepted')
                    or (c.hooked_at is null and c.submitted_at > now() - interval '10 minutes'
                        and (c.state = 'unsure'
                             or (c.state = 'abandoned' and c.request_id is not null and c.ended_at > now() - interval '5 minutes'))));
    end
    $$;

ALTER FUNCTION public.provider_calls_in_flight(p_provider text) OWNER TO i2m_system;

CREATE FUNCTION public.provider_items_in_flight(p_provider text) RETURNS TABLE(item_id uuid)
    LANGUAGE sql STABLE SECURITY DEFINER
    SET search_path TO 'public', 'pg_temp'
    AS $$
        select c.item_id from provider_calls c where c.provider = p_provider and c.state in ('submitting', 'accepted')
    $$;

ALTER FUNCTION public.provider_items_in_flight(p_provider text) OWNER TO i2m_system;

CREATE TABLE public.api_usage (
    id uuid NOT NULL,
    company_id uuid NOT NULL,
    user_id uuid NOT NULL,
    job_id uuid NOT NULL,
    item_id uuid NOT NULL,
    quality text NOT NULL,
    provider text NOT NULL,
    credits bigint NOT NULL,
    at timestamp with time zone DEFAULT now() NOT NULL,
    CONSTRAINT api_usage_credits CHECK ((credits > 0))
);

ALTER TABLE ONLY public.api_usage FORCE ROW LEVEL SECURITY;

CREATE TABLE public.companies (
    id uuid NOT NULL,
    name text NOT NULL,
    domain text NOT NULL,
    status text DEFAULT 'active'::text NOT NULL,
    credit_balance bigint DEFAULT 0 NOT NULL,
    settings jsonb DEFAULT '{}'::jsonb NOT NULL,
    created_at timestamp with time zone DEFAULT now() NOT NULL,
    CONSTRAINT companies_balance_not_below_0 CHECK ((credit_balance >= 0)),
    CONSTRAINT companies_domain_is_lower CHECK (((domain = lower(domain)) AND (domain <> ''::text))),
    CONSTRAINT companies_name_given CHECK (((name <> ''::text) AND (length(name) <= 200))),
    CONSTRAINT companies_status_known CHECK ((status = ANY (ARRAY['active'::text, 'suspended'::text, 'closed'::text])))
);

ALTER TABLE ONLY public.companies FORCE ROW LEVEL SECURITY;

CREATE TABLE public.credit_accounts (
    company_id uuid NOT NULL,
    available bigint DEFAULT 0 NOT NULL,
    held bigint DEFAULT 0 NOT NULL,
    granted bigint DEFAULT 0 NOT NULL,
    consumed bigint DEFAULT 0 NOT NULL,
    seq bigint DEFAULT 0 NOT NULL,
    version bigint DEFAULT 0 NOT NULL,
    CONSTRAINT credit_accounts_available_not_below_0 CHECK ((available >= 0)),
    CONSTRAINT credit_accounts_conserve CHECK ((granted = ((available + held) + consumed))),
    CONSTRAINT credit_accounts_held_not_below_0 CHECK ((held >= 0))
)
WITH (fillfactor='50');

ALTER TABLE ONLY public.credit_accounts FORCE ROW LEVEL SECURITY;

CREATE TABLE public.credit_holds (
    hold_id uuid NOT NULL,
    company_id uuid NOT NULL,
    job_id uuid NOT NULL,
    item_id uuid NOT NULL,
    amount bigint NOT NULL,
    settled bigint DEFAULT 0 NOT NULL,
    state text DEFAULT 'held'::text NOT NULL,
    created_at timestamp with time zone DEFAULT now() NOT NULL,
    closed_at timestamp with time zone,
    CONSTRAINT credit_holds_amount_positive CHECK ((amount > 0)),
    CONSTRAINT credit_holds_closed_once CHECK (((state = 'held'::text) = (closed_at IS NULL))),
    CONSTRAINT credit_holds_settled_in_range CHECK ((((settled >= 0) AND (settled <= amount)) AND ((state = 'settled'::text) OR (settled = 0)))),
    CONSTRAINT credit_holds_state_known CHECK ((state = ANY (ARRAY['held'::text, 'settled'::text, 'released'::text])))
);

ALTER TABLE ONLY public.credit_holds FORCE ROW LEVEL SECURITY;

CREATE TABLE public.credit_ledger (
    company_id uuid NOT NULL,
    seq bigint NOT NULL,
    kind text NOT NULL,
    debit text NOT NULL,
    credit text NOT NULL,
    amount bigint NOT NULL,
    balance_after bigint NOT NULL,
    hold_id uuid,
    source text NOT NULL,
    actor text NOT NULL,
    reason text NOT NULL,
    at timestamp with time zone DEFAULT now() NOT NULL,
    CONSTRAINT credit_ledger_accounts_differ CHECK ((debit <> credit)),
    CONSTRAINT credit_ledger_accounts_known CHECK (((debit = ANY (ARRAY['issued'::text, 'customer'::text])) AND (credit = ANY (ARRAY['customer'::text, 'consumed'::text])))),
    CONSTRAINT credit_ledger_amount_positive CHECK ((amount > 0)),
    CONSTRAINT credit_ledger_balance_not_below_0 CHECK ((balance_after >= 0)),
    CONSTRAINT credit_ledger_kind_known CHECK ((kind = ANY (ARRAY['grant'::text, 'settle'::text])))
);

ALTER TABLE ONLY public.credit_ledger FORCE ROW LEVEL SECURITY;

CREATE TABLE public.files (
    id uuid NOT NULL,
    company_id uuid NOT NULL,
    job_id uuid NOT NULL,
    item_id uuid NOT NULL,
    kind text NOT NULL,
    object_key text NOT NULL,
    media_type text NOT NULL,
    bytes bigint NOT NULL,
    sha256 bytea NOT NULL,
    triangles integer,
    created_at timestamp with time zone DEFAULT now() NOT NULL,
    CONSTRAINT files_bytes_positive CHECK ((bytes > 0)),
    CONSTRAINT files_in_company_folder CHECK ((split_part(object_key, '/'::text, 2) = (company_id)::text)),
    CONSTRAINT files_kind_known CHECK ((kind = ANY (ARRAY['upload'::text, 'model'::text]))),
    CONSTRAINT files_sha256_whole CHECK ((octet_length(sha256) = 32))
);

ALTER TABLE ONLY public.files FORCE ROW LEVEL SECURITY;

CREATE TABLE public.idempotency_keys (
    company_id uuid NOT NULL,
    user_id uuid NOT NULL,
    key text NOT NULL,
    fingerprint bytea NOT NULL,
    answer jsonb NOT NULL,
    job_id uuid NOT NULL,
    created_at timestamp with time zone DEFAULT now() NOT NULL,
    CONSTRAINT idempotency_keys_size CHECK (((length(key) >= 1) AND (length(key) <= 255)))
);

ALTER TABLE ONLY public.idempotency_keys FORCE ROW LEVEL SECURITY;

CREATE TABLE public.job_events (
    company_id uuid NOT NULL,
    job_id uuid NOT NULL,
    seq bigint NOT NULL,
    kind text NOT NULL,
    data jsonb NOT NULL,
    at timestamp with time zone DEFAULT now() NOT NULL,
    CONSTRAINT job_events_kind_known CHECK ((kind = ANY (ARRAY['item'::text, 'job'::text])))
);

ALTER TABLE ONLY public.job_events FORCE ROW LEVEL SECURITY;

CREATE TABLE public.job_history (
    id uuid NOT NULL,
    company_id uuid NOT NULL,
    user_id uuid NOT NULL,
    status text DEFAULT 'queued'::text NOT NULL,
    quality text NOT NULL,
    triangles_max integer NOT NULL,
    item_count integer NOT NULL,
    succeeded_count integer DEFAULT 0 NOT NULL,
    failed_count integer DEFAULT 0 NOT NULL,
    cancelled_count integer DEFAULT 0 NOT NULL,
    event_seq bigint DEFAULT 0 NOT NULL,
    created_at timestamp with time zone DEFAULT now() NOT NULL,
    finished_at timestamp with time zone,
    CONSTRAINT job_history_all_finished CHECK (((finished_at IS NULL) OR (((succeeded_count + failed_count) + cancelled_count) = item_count))),
    CONSTRAINT job_history_counts CHECK (((item_count > 0) AND (((succeeded_count + failed_count) + cancelled_count) <= item_count))),
    CONSTRAINT job_history_finished_once CHECK (((status = ANY (ARRAY['queued'::text, 'running'::text])) = (finished_at IS NULL))),
    CONSTRAINT job_history_quality_known CHECK ((quality = ANY (ARRAY['low'::text, 'medium'::text, 'high'::text]))),
    CONSTRAINT job_history_status_known CHECK ((status = ANY (ARRAY['queued'::text, 'running'::text, 'succeeded'::text, 'partial'::text, 'failed'::text, 'cancelled'::text])))
);

ALTER TABLE ONLY public.job_history FORCE ROW LEVEL SECURITY;

CREATE TABLE public.job_items (
    id uuid NOT NULL,
    company_id uuid NOT NULL,
    job_id uuid NOT NULL,
    "position" integer NOT NULL,
    file_name text NOT NULL,
    width_px integer NOT NULL,
    height_px integer NOT NULL,
    credits bigint NOT NULL,
    provider text NOT NULL,
    status text DEFAULT 'queued'::text NOT NULL,
    stage text DEFAULT 'queued'::text NOT NULL,
    progress real DEFAULT 0 NOT NULL,
    attempt integer DEFAULT 0 NOT NULL,
    attempts_max integer NOT NULL,
    not_before timestamp with time zone DEFAULT now() NOT NULL,
    lease_until timestamp with time zone,
    deadline_at timestamp with time zone NOT NULL,
    error_code text,
    error_message text,
    created_at timestamp with time zone DEFAULT now() NOT NULL,
    started_at timestamp with time zone,
    finished_at timestamp with time zone,
    model text DEFAULT ''::text NOT NULL,
    model_version integer DEFAULT 0 NOT NULL,
    model_parameters jsonb DEFAULT '{}'::jsonb NOT NULL,
    cancel_asked_at timestamp with time zone,
    CONSTRAINT job_items_attempts CHECK (((attempt >= 0) AND (attempt <= attempts_max))),
    CONSTRAINT job_items_failed_says_why CHECK (((status = 'failed'::text) = (error_code IS NOT NULL))),
    CONSTRAINT job_items_finished_once CHECK (((status = ANY (ARRAY['succeeded'::text, 'failed'::text, 'cancelled'::text])) = (finished_at IS NOT NULL))),
    CONSTRAINT job_items_leased_in_flight CHECK (((status = ANY (ARRAY['dispatched'::text, 'running'::text])) = (lease_until IS NOT NULL))),
    CONSTRAINT job_items_progress CHECK (((progress >= (0)::double precision) AND (progress <= (1)::double precision))),
    CONSTRAINT job_items_status_known CHECK ((status = ANY (ARRAY['queued'::text, 'dispatched'::text, 'running'::text, 'unsure'::text, 'succeeded'::text, 'failed'::text, 'cancelled'::text])))
)
WITH (fillfactor='70');

ALTER TABLE ONLY public.job_items FORCE ROW LEVEL SECURITY;

CREATE TABLE public.provider_calls (
    id uuid NOT NULL,
    company_id uuid NOT NULL,
    job_id uuid NOT NULL,
    item_id uuid NOT NULL,
    provider text NOT NULL,
    model text NOT NULL,
    model_version integer NOT NULL,
    endpoint text NOT NULL,
    submission integer NOT NULL,
    attempt integer NOT NULL,
    token_sha256 bytea NOT NULL,
    state text DEFAULT 'submitting'::text NOT NULL,
    request_id text,
    status_url text,
    response_url text,
    cancel_url text,
    price_microusd bigint NOT NULL,
    cost_microusd bigint DEFAULT 0 NOT NULL,
    outcome jsonb,
    error_type text,
    error_detail text,
    hooked_at timestamp with time zone,
    submitted_at timestamp with time zone DEFAULT now() NOT NULL,
    accepted_at timestamp with time zone,
    running_at timestamp with time zone,
    ended_at timestamp with time zone,
    CONSTRAINT provider_calls_accepted_known CHECK (((state <> ALL (ARRAY['accepted'::text, 'answered'::text, 'succeeded'::text, 'cancelled'::text])) OR (request_id IS NOT NULL))),
    CONSTRAINT provider_calls_answered_known CHECK (((state <> ALL (ARRAY['answered'::text, 'succeeded'::text])) OR (outcome IS NOT NULL))),
    CONSTRAINT provider_calls_ended_once CHECK (((state = ANY (ARRAY['submitting'::text, 'accepted'::text, 'answered'::text, 'unsure'::text])) = (ended_at IS NULL))),
    CONSTRAINT provider_calls_prices CHECK (((price_microusd >= 0) AND (cost_microusd >= 0))),
    CONSTRAINT provider_calls_state_known CHECK ((state = ANY (ARRAY['submitting'::text, 'accepted'::text, 'answered'::text, 'unsure'::text, 'succeeded'::text, 'failed'::text, 'refused'::text, 'cancelled'::text, 'abandoned'::text]))),
    CONSTRAINT provider_calls_token_whole CHECK ((octet_length(token_sha256) = 32))
);

ALTER TABLE ONLY public.provider_calls FORCE ROW LEVEL SECURITY;

CREATE TABLE public.provider_health (
    provider text NOT NULL,
    state text DEFAULT 'ok'::text NOT NULL,
    reason text,
    since timestamp with time zone DEFAULT now() NOT NULL,
    probe_at timestamp with time zone,
    failures integer DEFAULT 0 NOT NULL,
    limit_learned integer,
    learned_at timestamp with time zone,
    CONSTRAINT provider_health_limit CHECK ((limit_learned >= 1)),
    CONSTRAINT provider_health_probed CHECK (((state = 'ok'::text) = (probe_at IS NULL))),
    CONSTRAINT provider_health_state_known CHECK ((state = ANY (ARRAY['ok'::text, 'open'::text, 'locked'::text, 'key'::text])))
);

CREATE TABLE public.users (
    id uuid NOT NULL,
    company_id uuid NOT NULL,
    email text NOT NULL,
    name text NOT NULL,
    password_hash text NOT NULL,
    role text DEFAULT 'member'::text NOT NULL,
    status text DEFAULT 'active'::text NOT NULL,
    created_at timestamp with time zone DEFAULT now() NOT NULL,
    last_login_at timestamp with time zone,
    CONSTRAINT users_email_is_lower CHECK (((email = lower(email)) AND (POSITION(('@'::text) IN (email)) > 1) AND (length(email) <= 254))),
    CONSTRAINT users_role_known CHECK ((role = ANY (ARRAY['admin'::text, 'member'::text]))),
    CONSTRAINT users_status_known CHECK ((status = ANY (ARRAY['active'::text, 'disabled'::text])))
);

ALTER TABLE ONLY public.users FORCE ROW LEVEL SECURITY;

ALTER TABLE ONLY public.api_usage
    ADD CONSTRAINT api_usage_once_per_item UNIQUE (item_id);

ALTER TABLE ONLY public.api_usage
    ADD CONSTRAINT api_usage_pkey PRIMARY KEY (id);

ALTER TABLE ONLY public.companies
    ADD CONSTRAINT companies_domain_once UNIQUE (domain);

ALTER TABLE ONLY public.companies
    ADD CONSTRAINT companies_pkey PRIMARY KEY (id);

ALTER TABLE ONLY public.credit_accounts
    ADD CONSTRAINT credit_accounts_pkey PRIMARY KEY (company_id);

ALTER TABLE ONLY public.credit_holds
    ADD CONSTRAINT credit_holds_one_per_item UNIQUE (item_id);

ALTER TABLE ONLY public.credit_holds
    ADD CONSTRAINT credit_holds_pkey PRIMARY KEY (hold_id);

ALTER TABLE ONLY public.credit_ledger
    ADD CONSTRAINT credit_ledger_pkey PRIMARY KEY (company_id, seq);

ALTER TABLE ONLY public.credit_ledger
    ADD CONSTRAINT credit_ledger_source_once UNIQUE (company_id, kind, source);

ALTER TABLE ONLY public.files
    ADD CONSTRAINT files_object_once UNIQUE (object_key);

ALTER TABLE ONLY public.files
    ADD CONSTRAINT files_one_of_each UNIQUE (item_id, kind);

ALTER TABLE ONLY public.files
    ADD CONSTRAINT files_pkey PRIMARY KEY (id);

ALTER TABLE ONLY public.idempotency_keys
    ADD CONSTRAINT idempotency_keys_once PRIMARY KEY (company_id, user_id, key);

ALTER TABLE ONLY public.job_events
    ADD CONSTRAINT job_events_pkey PRIMARY KEY (job_id, seq);

ALTER TABLE ONLY public.job_history
    ADD CONSTRAINT job_history_of_company UNIQUE (company_id, id);

ALTER TABLE ONLY public.job_history
    ADD CONSTRAINT job_history_pkey PRIMARY KEY (id);

ALTER TABLE ONLY public.job_items
    ADD CONSTRAINT job_items_of_company UNIQUE (company_id, id);

ALTER TABLE ONLY public.job_items
    ADD CONSTRAINT job_items_pkey PRIMARY KEY (id);

ALTER TABLE ONLY public.job_items
    ADD CONSTRAINT job_items_position_once UNIQUE (job_id, "position");

ALTER TABLE ONLY public.provider_calls
    ADD CONSTRAINT provider_calls_pkey PRIMARY KEY (id);

ALTER TABLE ONLY public.provider_calls
    ADD CONSTRAINT provider_calls_request_once UNIQUE (provider, request_id);

ALTER TABLE ONLY public.provider_calls
    ADD CONSTRAINT provider_calls_submission UNIQUE (item_id, submission);

ALTER TABLE ONLY public.provider_calls
    ADD CONSTRAINT provider_calls_token_once UNIQUE (token_sha256);

ALTER TABLE ONLY public.provider_health
    ADD CONSTRAINT provider_health_pkey PRIMARY KEY (provider);

ALTER TABLE ONLY public.users
    ADD CONSTRAINT users_email_once UNIQUE (email);

ALTER TABLE ONLY public.users
    ADD CONSTRAINT users_of_company UNIQUE (company_id, id);

ALTER TABLE ONLY public.users
    ADD CONSTRAINT users_pkey PRIMARY KEY (id);

CREATE INDEX api_usage_by_company ON public.api_usage USING btree (company_id, at);

CREATE INDEX credit_holds_of_job ON public.credit_holds USING btree (company_id, job_id);

CREATE INDEX credit_holds_open ON public.credit_holds USING btree (company_id) WHERE (state = 'held'::text);

CREATE INDEX files_of_job ON public.files USING btree (company_id, job_id, kind);

CREATE INDEX job_history_by_company ON public.job_history USING btree (company_id, id DESC);

CREATE INDEX job_items_deadline ON public.job_items USING btree (deadline_at) WHERE (status = ANY (ARRAY['queued'::text, 'dispatched'::text, 'running'::text, 'unsure'::text]));

CREATE INDEX job_items_in_flight ON public.job_items USING btree (lease_until) WHERE (status = ANY (ARRAY['dispatched'::text, 'running'::text]));

CREATE INDEX job_items_of_job ON public.job_items USING btree (company_id, job_id, "position");

CREATE INDEX job_items_queued ON public.job_items USING btree (company_id, created_at, id) WHERE (status = 'queued'::text);

CREATE INDEX job_items_unsure ON public.job_items USING btree (created_at) WHERE (status = 'unsure'::text);

CREATE INDEX job_items_unwanted ON public.job_items USING btree (created_at) WHERE ((cancel_asked_at IS NOT NULL) AND (finished_at IS NULL));

CREATE INDEX provider_calls_followed ON public.provider_calls USING btree (provider) WHERE (state = ANY (ARRAY['submitting'::text, 'accepted'::text]));

CREATE INDEX provider_calls_live ON public.provider_calls USING btree (submitted_at) WHERE (state = ANY (ARRAY['submitting'::text, 'accepted'::text, 'answered'::text, 'unsure'::text]));

CREATE INDEX provider_calls_lost ON public.provider_calls USING btree (provider, submitted_at) WHERE ((state = ANY (ARRAY['unsure'::text, 'abandoned'::text])) AND (hooked_at IS NULL));

CREATE INDEX provider_calls_of_company ON public.provider_calls USING btree (company_id, submitted_at);

CREATE UNIQUE INDEX provider_calls_one_live ON public.provider_calls USING btree (item_id) WHERE (state = ANY (ARRAY['submitting'::text, 'accepted'::text, 'answered'::text, 'unsure'::text, 'succeeded'::text]));

CREATE TRIGGER credit_ledger_append_only BEFORE DELETE OR UPDATE OR TRUNCATE ON public.credit_ledger FOR EACH STATEMENT EXECUTE FUNCTION public.credit_ledger_is_append_only();

ALTER TABLE ONLY public.api_usage
    ADD CONSTRAINT api_usage_company_id_fkey FOREIGN KEY (company_id) REFERENCES public.companies(id);

ALTER TABLE ONLY public.api_usage
    ADD CONSTRAINT api_usage_item FOREIGN KEY (company_id, item_id) REFERENCES public.job_items(company_id, id);

ALTER TABLE ONLY public.credit_accounts
    ADD CONSTRAINT credit_accounts_company_id_fkey FOREIGN KEY (company_id) REFERENCES public.companies(id);

ALTER TABLE ONLY public.credit_holds
    ADD CONSTRAINT credit_holds_company_id_fkey FOREIGN KEY (company_id) REFERENCES public.companies(id);

ALTER TABLE ONLY public.credit_holds
    ADD CONSTRAINT credit_holds_item FOREIGN KEY (company_id, item_id) REFERENCES public.job_items(company_id, id);

ALTER TABLE ONLY public.credit_ledger
    ADD CONSTRAINT credit_ledger_company_id_fkey FOREIGN KEY (company_id) REFERENCES public.companies(id);

ALTER TABLE ONLY public.credit_ledger
    ADD CONSTRAINT credit_ledger_hold_id_fkey FOREIGN KEY (hold_id) REFERENCES public.credit_holds(hold_id);

ALTER TABLE ONLY public.files
    ADD CONSTRAINT files_company_id_fkey FOREIGN KEY (company_id) REFERENCES public.companies(id);

ALTER TABLE ONLY public.files
    ADD CONSTRAINT files_item FOREIGN KEY (company_id, item_id) REFERENCES public.job_items(company_id, id);

ALTER TABLE ONLY public.idempotency_keys
    ADD CONSTRAINT idempotency_keys_company_id_fkey FOREIGN KEY (company_id) REFERENCES public.companies(id);

ALTER TABLE ONLY public.idempotency_keys
    ADD CONSTRAINT idempotency_keys_job FOREIGN KEY (company_id, job_id) REFERENCES public.job_history(company_id, id);

ALTER TABLE ONLY public.job_events
    ADD CONSTRAINT job_events_job FOREIGN KEY (company_id, job_id) REFERENCES public.job_history(company_id, id);

ALTER TABLE ONLY public.job_history
    ADD CONSTRAINT job_history_company_id_fkey FOREIGN KEY (company_id) REFERENCES public.companies(id);

ALTER TABLE ONLY public.job_history
    ADD CONSTRAINT job_history_user FOREIGN KEY (company_id, user_id) REFERENCES public.users(company_id, id);

ALTER TABLE ONLY public.job_items
    ADD CONSTRAINT job_items_company_id_fkey FOREIGN KEY (company_id) REFERENCES public.companies(id);

ALTER TABLE ONLY public.job_items
    ADD CONSTRAINT job_items_job FOREIGN KEY (company_id, job_id) REFERENCES public.job_history(company_id, id);

ALTER TABLE ONLY public.provider_calls
    ADD CONSTRAINT provider_calls_company_id_fkey FOREIGN KEY (company_id) REFERENCES public.companies(id);

ALTER TABLE ONLY public.provider_calls
    ADD CONSTRAINT provider_calls_item FOREIGN KEY (company_id, item_id) REFERENCES public.job_items(company_id, id);

ALTER TABLE ONLY public.users
    ADD CONSTRAINT users_company_id_fkey FOREIGN KEY (company_id) REFERENCES public.companies(id);

ALTER TABLE public.api_usage ENABLE ROW LEVEL SECURITY;

ALTER TABLE public.companies ENABLE ROW LEVEL SECURITY;

ALTER TABLE public.credit_accounts ENABLE ROW LEVEL SECURITY;

ALTER TABLE public.credit_holds ENABLE ROW LEVEL SECURITY;

ALTER TABLE public.credit_ledger ENABLE ROW LEVEL SECURITY;

ALTER TABLE public.files ENABLE ROW LEVEL SECURITY;

ALTER TABLE public.idempotency_keys ENABLE ROW LEVEL SECURITY;

ALTER TABLE public.job_events ENABLE ROW LEVEL SECURITY;

ALTER TABLE public.job_history ENABLE ROW LEVEL SECURITY;

ALTER TABLE public.job_items ENABLE ROW LEVEL SECURITY;

CREATE POLICY own_company ON public.api_usage TO i2m_app USING ((company_id = public.app_company_id())) WITH CHECK ((company_id = public.app_company_id()));

CREATE POLICY own_company ON public.companies TO i2m_app USING ((id = public.app_company_id())) WITH CHECK ((id = public.app_company_id()));

CREATE POLICY own_company ON public.credit_accounts TO i2m_app USING ((company_id = public.app_company_id())) WITH CHECK ((company_id = public.app_company_id()));

CREATE POLICY own_company ON public.credit_holds TO i2m_app USING ((company_id = public.app_company_id())) WITH CHECK ((company_id = public.app_company_id()));

CREATE POLICY own_company ON public.credit_ledger TO i2m_app USING ((company_id = public.app_company_id())) WITH CHECK ((company_id = public.app_company_id()));

CREATE POLICY own_company ON public.files TO i2m_app USING ((company_id = public.app_company_id())) WITH CHECK ((company_id = public.app_company_id()));

CREATE POLICY own_company ON public.idempotency_keys TO i2m_app USING ((company_id = public.app_company_id())) WITH CHECK ((company_id = public.app_company_id()));

CREATE POLICY own_company ON public.job_events TO i2m_app USING ((company_id = public.app_company_id())) WITH CHECK ((company_id = public.app_company_id()));

CREATE POLICY own_company ON public.job_history TO i2m_app USING ((company_id = public.app_company_id())) WITH CHECK ((company_id = public.app_company_id()));

CREATE POLICY own_company ON public.job_items TO i2m_app USING ((company_id = public.app_company_id())) WITH CHECK ((company_id = public.app_company_id()));

CREATE POLICY own_company ON public.provider_calls TO i2m_app USING ((company_id = public.app_company_id())) WITH CHECK ((company_id = public.app_company_id()));

CREATE POLICY own_company ON public.users TO i2m_app USING ((company_id = public.app_company_id())) WITH CHECK ((company_id = public.app_company_id()));

ALTER TABLE public.provider_calls ENABLE ROW LEVEL SECURITY;

CREATE POLICY system ON public.api_usage TO i2m_system USING (true) WITH CHECK (true);

CREATE POLICY system ON public.companies TO i2m_system USING (true) WITH CHECK (true);

CREATE POLICY system ON public.credit_accounts TO i2m_system USING (true) WITH CHECK (true);

CREATE POLICY system ON public.credit_holds TO i2m_system USING (true) WITH CHECK (true);

CREATE POLICY system ON public.credit_ledger TO i2m_system USING (true) WITH CHECK (true);

CREATE POLICY system ON public.files TO i2m_system USING (true) WITH CHECK (true);

CREATE POLICY system ON public.idempotency_keys TO i2m_system USING (true) WITH CHECK (true);

CREATE POLICY system ON public.job_events TO i2m_system USING (true) WITH CHECK (true);

CREATE POLICY system ON public.job_history TO i2m_system USING (true) WITH CHECK (true);

CREATE POLICY system ON public.job_items TO i2m_system USING (true) WITH CHECK (true);

CREATE POLICY system ON public.provider_calls TO i2m_system USING (true) WITH CHECK (true);

CREATE POLICY system ON public.users TO i2m_system USING (true) WITH CHECK (true);

ALTER TABLE public.users ENABLE ROW LEVEL SECURITY;

REVOKE USAGE ON SCHEMA public FROM PUBLIC;
GRANT USAGE ON SCHEMA public TO i2m_app;
GRANT USAGE ON SCHEMA public TO i2m_system;

REVOKE ALL ON FUNCTION public.identity_login(p_email text) FROM PUBLIC;
GRANT ALL ON FUNCTION public.identity_login(p_email text) TO i2m_app;

REVOKE ALL ON FUNCTION public.provider_call_of_token(p_token_sha256 bytea) FROM PUBLIC;
GRANT ALL ON FUNCTION public.provider_call_of_token(p_token_sha256 bytea) TO i2m_app;

REVOKE ALL ON FUNCTION public.provider_calls_in_flight(p_provider text) FROM PUBLIC;
GRANT ALL ON FUNCTION public.provider_calls_in_flight(p_provider text) TO i2m_app;

REVOKE ALL ON FUNCTION public.provider_items_in_flight(p_provider text) FROM PUBLIC;
GRANT ALL ON FUNCTION public.provider_items_in_flight(p_provider text) TO i2m_app;

GRANT SELECT,INSERT ON TABLE public.api_usage TO i2m_app;
GRANT SELECT ON TABLE public.api_usage TO i2m_system;

GRANT SELECT ON TABLE public.companies TO i2m_app;
GRANT SELECT,INSERT,UPDATE ON TABLE public.companies TO i2m_system;

GRANT UPDATE(credit_balance) ON TABLE public.companies TO i2m_app;

GRANT SELECT,INSERT,UPDATE ON TABLE public.credit_accounts TO i2m_app;
GRANT SELECT,INSERT,UPDATE ON TABLE public.credit_accounts TO i2m_system;

GRANT SELECT,INSERT,UPDATE ON TABLE public.credit_holds TO i2m_app;
GRANT SELECT,INSERT,UPDATE ON TABLE public.credit_holds TO i2m_system;

GRANT SELECT,INSERT ON TABLE public.credit_ledger TO i2m_app;
GRANT SELECT,INSERT ON TABLE public.credit_ledger TO i2m_system;

GRANT SELECT,INSERT ON TABLE public.files TO i2m_app;
GRANT SELECT ON TABLE public.files TO i2m_system;

GRANT SELECT,INSERT ON TABLE public.idempotency_keys TO i2m_app;
GRANT SELECT,DELETE ON TABLE public.idempotency_keys TO i2m_system;

GRANT SELECT,INSERT ON TABLE public.job_events TO i2m_app;
GRANT SELECT ON TABLE public.job_events TO i2m_system;

GRANT SELECT,INSERT,UPDATE ON TABLE public.job_history TO i2m_app;
GRANT SELECT ON TABLE public.job_history TO i2m_system;

GRANT SELECT,INSERT,UPDATE ON TABLE public.job_items TO i2m_app;
GRANT SELECT,UPDATE ON TABLE public.job_items TO i2m_system;

GRANT SELECT,INSERT,UPDATE ON TABLE public.provider_calls TO i2m_app;
GRANT SELECT,UPDATE ON TABLE public.provider_calls TO i2m_system;

GRANT SELECT,INSERT,UPDATE ON TABLE public.provider_health TO i2m_app;
GRANT SELECT,INSERT,UPDATE ON TABLE public.provider_health TO i2m_system;

GRANT SELECT ON TABLE public.users TO i2m_app;
GRANT SELECT,INSERT,UPDATE ON TABLE public.users TO i2m_system;

GRANT UPDATE(password_hash) ON TABLE public.users TO i2m_app;

GRANT UPDATE(last_login_at) ON TABLE public.users TO i2m_app;

